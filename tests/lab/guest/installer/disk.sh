# The target disk: found, divided, formatted, made bootable.
#   BIOS: 1 /boot (ext2, extlinux), 2 / (ext4)
#   EFI:  1 /boot (FAT, the firmware's own partition), 2 / (ext4)
# /boot is apart and small because extlinux can hang on one large ext4.

disks() { (cd /sys/block && ls -d sd* nvme*n* vd* 2>/dev/null); }

part() {                # NUMBER: that partition's name
    case $disk in
        *[0-9]) echo "${disk}p$1" ;;
        *) echo "$disk$1" ;;
    esac
}

choose_disk() {         # the kickstart's, else the first
    wait_for 15 [ "$(disks)" ]
    if [ -f "$ks/disk" ]; then
        named=$(sed 's/,.*//; q' "$ks/disk") # said of each partition, it is the same one
        disk=/dev/${named#/dev/}
        [ -b "$disk" ] || fail "the kickstart wants the disk $disk, which is not there" "disks: $(disks | tr '\n' ' ')"
    else
        disk=$(disks | head -n 1)
        [ "$disk" ] || fail "there is no disk to install to (none attached, or no driver for its controller)"
        disk=/dev/$disk
    fi
    say "disk: $disk, $(($(cat "/sys/block/${disk#/dev/}/size") / 2048)) MiB"
}

divide_disk() {
    type=83
    [ ! -d /sys/firmware/efi ] || type=ef
    dd if=/dev/zero of="$disk" bs=1M count=1 2>/dev/null
    printf '%s\n' o n p 1 2048 +64M n p 2 133120 '' t 1 $type a 1 w | fdisk -u "$disk" > /run/fdisk.log 2>&1
    wait_for 10 [ -b "$(part 2)" ] || fail "the partitions of $disk did not appear" "$(tail -n 3 /run/fdisk.log)"
}

make_file_systems() {
    modprobe -qab vfat
    root_uuid=$(cat /proc/sys/kernel/random/uuid)
    if [ -d /sys/firmware/efi ]; then mkdosfs -n LABBOOT "$(part 1)" > /run/mkfs.log 2>&1
    else /sbin/mke2fs -q -F -t ext2 -L lab-boot "$(part 1)" > /run/mkfs.log 2>&1
    fi || fail "no file system could be made on $(part 1)" "$(cat /run/mkfs.log)"
    # few inodes, written late or never: the disk's file stays small
    /sbin/mke2fs -q -F -t ext4 -L lab-root -U "$root_uuid" -m 1 -i 262144 -N 32768 \
        -E nodiscard,lazy_itable_init=1,lazy_journal_init=1 "$(part 2)" > /run/mkfs.log 2>&1 ||
        fail "no file system could be made on $(part 2)" "$(cat /run/mkfs.log)"
    mount -t ext4 -o noinit_itable "$(part 2)" /mnt/sysimage && mkdir /mnt/sysimage/boot && mount "$(part 1)" /mnt/sysimage/boot ||
        fail "the new file systems cannot be mounted" "$(dmesg | tail -n 3)"
}

make_bootable() {
    cp /cd/isolinux/vmlinuz /cd/lab/initrd.img /mnt/sysimage/boot || fail "the kernel could not be copied to $(part 1)"
    options="lab.root=$root_uuid quiet mitigations=off"
    if [ -d /sys/firmware/efi ]; then
        modprobe -qab loop
        mkdir -p /efi && mount -t vfat -o ro,loop /cd/lab/efi.img /efi && cp -r /efi/EFI /mnt/sysimage/boot && umount /efi ||
            fail "the boot loader for EFI could not be copied"
        printf 'linux /vmlinuz %s\ninitrd /initrd.img\nboot\n' "$options" > /mnt/sysimage/boot/EFI/debian/grub.cfg
    else
        printf 'default lab\nlabel lab\n  linux /vmlinuz\n  append initrd=/initrd.img %s\n' "$options" > /mnt/sysimage/boot/extlinux.conf
        extlinux --install /mnt/sysimage/boot > /run/extlinux.log 2>&1 || fail "extlinux failed" "$(cat /run/extlinux.log)"
        dd if=/installer/mbr.bin of="$disk" conv=notrunc 2>/dev/null
    fi
}
