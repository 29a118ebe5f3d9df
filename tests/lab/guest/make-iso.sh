#!/bin/bash
# Make the lab's installer ISO from the Debian packages fetch.sh fetched,
# as an ordinary user.
#   make-iso.sh [ISO [PACKAGES [SYSTEM]]]     default: build/lab/guest.iso, build/lab/deb
# With SYSTEM, the tar that make-systemd.sh made, that one is installed, and not busybox with a few files.
# Needs: bsdtar, dpkg-deb, cpio, gzip, mtools, tar, xorriso; all else comes from the packages.
set -euo pipefail
umask 022
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
iso=${1:-$root/build/lab/guest.iso}
packages=${2:-$root/build/lab/deb}
ready=${3:-}
export SOURCE_DATE_EPOCH=1700000000             # one date for every file: the same input makes the same bytes
work=$(mktemp -d "${TMPDIR:-/tmp}/guest-iso.XXXXXX")
trap 'rm -rf "$work"' EXIT

debian=$work/debian     # the packages, unpacked
system=$work/system     # the installed system: system.tar on the CD
boot=$work/boot         # initrd of the installed system
tools=$work/tools       # what the CD's initrd has besides
cd_root=$work/cd
libraries=usr/lib/x86_64-linux-gnu

die() { echo "make-iso.sh: $*" >&2; exit 1; }

merged_usr() {          # FOLDER [sbin]: the links of Debian's merged /usr, with one folder for all programs or two
    local name
    mkdir -p "$1"/usr/{bin,lib,lib64}
    if [ "${2:-}" ]; then mkdir "$1/usr/sbin"; else ln -s bin "$1/usr/sbin"; fi
    for name in bin sbin lib lib64; do ln -s "usr/$name" "$1/$name"; done
}

unpack() {
    local package
    merged_usr "$debian" sbin
    for package in "$packages"/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x -C "$debian" --keep-directory-symlink --no-same-owner
    done
    kernel=$(basename "$debian"/boot/vmlinuz-*)
    kernel=${kernel#vmlinuz-}
}

busybox() {             # the package's, with the package's libraries
    "$debian/$libraries/ld-linux-x86-64.so.2" --library-path "$debian/$libraries" "$debian/bin/busybox" "$@"
}

# FOLDER PATH...: copy programs (paths in Debian) with the libraries they
# load, found by Debian's own loader in the unpacked packages only.
take() {
    local to=$1 path library loader=$debian/$libraries/ld-linux-x86-64.so.2
    shift
    for path; do
        install -D "$debian/$path" "$to/$path"
        "$loader" --inhibit-cache --library-path "$debian/$libraries" --list "$debian/$path" > "$work/list" ||
            die "$path: its libraries were not found: add their package to $here/packages"
        while read -r library; do
            [ -e "$to/${library#"$debian"/}" ] || install -D "$library" "$to/${library#"$debian"/}"
        done < <(sed -n "s#.*=> \($debian/[^ ]*\) .*#\1#p" "$work/list")
    done
    install -D "$loader" "$to/$libraries/ld-linux-x86-64.so.2"
    ln -sf "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" "$to/usr/lib64/ld-linux-x86-64.so.2"
}

applets() {             # FOLDER: busybox and a link for each of its commands that is not there
    local name
    take "$1" bin/busybox
    for name in $(busybox --list); do
        [ -e "$1/usr/bin/$name" ] || ln -s busybox "$1/usr/bin/$name"
    done
}

# WHICH FOLDER: copy the modules marked so, with those they depend on
modules() {
    local wanted path tree=lib/modules/$kernel
    wanted=$(sed -n "s/^\($1\) //p" "$here/modules")
    mkdir -p "$2/usr/$tree"
    awk -v wanted="$wanted" '
        function base(path) { sub(/.*\//, "", path); sub(/\.ko:?$/, "", path); gsub(/-/, "_", path); return path }
        BEGIN { count = split(wanted, want) ; for (i = 1; i <= count; i++) missing[base(want[i])] }
        { path = $1; sub(/:$/, "", path); if (base(path) in missing) { delete missing[base(path)]; print path; for (i = 2; i <= NF; i++) print $i } }
        END { for (name in missing) { print "no module " name > "/dev/stderr"; bad = 1 } exit bad }
    ' "$debian/$tree/modules.dep" | sort -u > "$work/wanted" || die "a module of $here/modules is not in the kernel package"
    while read -r path; do
        install -D -m 644 "$debian/$tree/$path" "$2/usr/$tree/$path"
    done < "$work/wanted"
    cp "$debian/$tree"/modules.{builtin,order} "$2/usr/$tree/" 2>/dev/null || true
    busybox depmod -b "$2" "$kernel"
}

archive() {             # FOLDER: a gzipped cpio of it, the same bytes for the same files
    (cd "$1" && find . -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} + && find . | sort |
        cpio --quiet --reproducible -o -H newc -R 0:0 | gzip -n -"${2:-6}")
}

make_initrds() {
    merged_usr "$boot"
    mkdir -p "$boot"/{dev,proc,sys,run,tmp,mnt,etc/modprobe.d}
    applets "$boot"
    modules boot "$boot"
    cp "$here/boot/modprobe.conf" "$boot/etc/modprobe.d/lab.conf"
    install "$here/boot/init" "$boot/init"

    merged_usr "$tools"
    take "$tools" sbin/mke2fs usr/bin/extlinux
    modules 'boot\|late' "$tools"
    (cd "$boot" && find usr/lib -name '*.ko' -o -name '*.so.*') | (cd "$tools" && xargs rm -f)      # there already
    cp -r "$here/installer" "$tools/installer"
    chmod -R a+rX,u+w "$tools"; chmod 755 "$tools"/installer/*.sh
    install -D "$here/system/etc/udhcpc.sh" "$tools/etc/udhcpc.sh"
    install -D -m 644 "$debian/usr/lib/EXTLINUX/mbr.bin" "$tools/installer/mbr.bin" 2>/dev/null ||
        install -D -m 644 "$debian/usr/lib/syslinux/mbr/mbr.bin" "$tools/installer/mbr.bin"
    archive "$boot" > "$work/initrd-boot.img"
    { cat "$work/initrd-boot.img"; archive "$tools"; } > "$work/initrd-cd.img"      # the kernel unpacks one after the other
}

make_system() {
    local name
    merged_usr "$system"
    mkdir -p "$system"/{boot,dev,proc,sys,run,tmp,mnt,media,root,home,opt,srv,etc/systemd/system,var/log,var/lib/lab,var/tmp,usr/local/bin,run/sshd}
    take "$system" bin/bash usr/sbin/sshd usr/bin/ssh-keygen usr/lib/openssh/sftp-server usr/bin/ssh \
        "$libraries"/security/pam_{unix,permit,deny,nologin}.so "$libraries"/lib{nss_files,nss_dns}.so.2
    ln -s bash "$system/usr/bin/sh"         # as on both distributions
    tar -C "$here/system" -c . | tar -C "$system" -x --keep-directory-symlink --no-same-owner
    for name in $(cat "$here/system/usr/lib/lab/stand-ins"); do ln -s ../lib/lab/stand-in "$system/usr/bin/$name"; done
    applets "$system"
    modules 'boot\|late' "$system"
    mkdir -p "$system/etc/modprobe.d"
    cp "$here/boot/modprobe.conf" "$system/etc/modprobe.d/lab.conf"
    chmod -R a+rX,u+w "$system"
    chmod 755 "$system"/etc/init.d/* "$system"/etc/acpi/PWRF/* "$system"/etc/udhcpc.sh "$system"/usr/lib/lab/* "$system"/usr/bin/*
    chmod 700 "$system/root"; chmod 600 "$system/etc/shadow"; chmod 1777 "$system"/tmp "$system"/var/tmp
    tar -C "$system" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf "$cd_root/lab/system.tar" .
}

# The system that is there already, without what only a larger one needs, and the kernel's modules.
take_system() {
    merged_usr "$system"
    modules 'boot\|late' "$system"
    install -D -m 644 "$here/boot/modprobe.conf" "$system/etc/modprobe.d/lab.conf"
    bsdtar -C "$system" --format=gnutar --uid 0 --gid 0 -cf "$work/modules.tar" usr/lib etc
    LC_ALL=C.UTF-8 bsdtar --format=gnutar -cf "$cd_root/lab/system.tar" -X "$here/systemd/left-out" "@$ready" "@$work/modules.tar"
}

# The EFI partition, of the CD and of the installed system: shim and GRUB as Debian and Microsoft
# signed them. GRUB takes its menu from EFI/debian/grub.cfg beside it.
make_efi() {
    local image=$cd_root/lab/efi.img
    mkdir -p "$work/efi/EFI/BOOT" "$work/efi/EFI/debian"
    cp "$debian/usr/lib/shim/shimx64.efi.signed" "$work/efi/EFI/BOOT/BOOTX64.EFI"
    cp "$debian/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" "$work/efi/EFI/BOOT/grubx64.efi"
    cp "$here/boot/grub-efi.cfg" "$work/efi/EFI/debian/grub.cfg"
    find "$work/efi" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
    mformat -C -i "$image" -t 13 -h 16 -s 63 -N 4c414245 ::
    mcopy -s -m -i "$image" "$work/efi/EFI" ::
}

make_cd() {
    local syslinux=$debian/usr/lib/syslinux/modules/bios
    mkdir -p "$cd_root/isolinux"
    cp "$debian/usr/lib/ISOLINUX/isolinux.bin" "$syslinux"/{ldlinux,libutil,libcom32,menu}.c32 "$here/boot/isolinux.cfg" "$cd_root/isolinux"
    cp "$debian/boot/vmlinuz-$kernel" "$cd_root/isolinux/vmlinuz"
    cp "$work/initrd-cd.img" "$cd_root/isolinux/initrd.img"
    cp "$work/initrd-boot.img" "$cd_root/lab/initrd.img"
    install -D -m 644 "$here/boot/grub.cfg" "$cd_root/boot/grub/grub.cfg"
    find "$cd_root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    mkdir -p "$(dirname "$iso")"
    xorriso -as mkisofs -quiet -o "$iso.part" -V LUABUILD_LAB -J -r \
        -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table \
        -eltorito-alt-boot -e lab/efi.img -no-emul-boot \
        "$cd_root" 2> "$work/xorriso" || { cat "$work/xorriso" >&2; die "xorriso failed"; }
    mv "$iso.part" "$iso"
}

[ -n "$(ls "$packages"/*.deb 2>/dev/null)" ] || die "no packages in $packages: run fetch.sh first"
mkdir -p "$cd_root/lab"
unpack
busybox depmod -b "$debian" "$kernel"
make_initrds
if [ "$ready" ]; then take_system; else make_system; fi
make_efi
make_cd
