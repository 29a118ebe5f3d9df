#!/bin/sh
# The installer of the lab's CD: a kickstart from where the kernel argument
# ks= says, a system on the first disk (or the kickstart's), then what the
# kickstart says at its end: reboot, power off, or wait.
#
# The kickstart is read into files in $ks: hostname, password, password.kind
# (plain, crypted, locked), disk, keys, packages, network, timezone, end
# (reboot, poweroff), pre.N and post.N with their options beside them.

ks=/ks
mkdir -p $ks /run /mnt/sysimage
. /installer/console.sh
. /installer/source.sh
. /installer/disk.sh
. /installer/configure.sh

printf '\033[2J\033[H'
say "luabuild lab installer: a stand-in for tests, neither Photon OS nor CentOS"
network_up &
modprobe -qab sr_mod isofs
wait_for 30 find_cd || fail "no CD with lab/system.tar was found" "CD drives: $(ls -d /dev/sr[0-9]* 2>/dev/null | tr '\n' ' ')"
get_kickstart
read_kickstart
run_scripts pre
choose_disk
divide_disk
make_file_systems
say "copying the system"
tar -xf /cd/lab/system.tar -C /mnt/sysimage || fail "the system could not be copied to $disk" "$(df -h | tail -n 2)"
configure_system
make_bootable
say "network: $(network)"
[ ! -s /etc/resolv.conf ] || cp /etc/resolv.conf /mnt/sysimage/etc/resolv.conf
for name in proc sys dev; do mount -o bind /$name /mnt/sysimage/$name; done
finish_system
run_scripts post
say "writing everything to the disk"
cp /run/installer.log /mnt/sysimage/var/log/installer.log
for name in dev sys proc boot; do umount /mnt/sysimage/$name; done
umount /mnt/sysimage || fail "the new system cannot be unmounted"
case $(first end) in
    reboot) say "installed; rebooting"; reboot -f ;;
    poweroff) say "installed; powering off"; poweroff -f ;;
    *) say "installed; the kickstart says neither reboot nor poweroff: press Enter to reboot"; read -r _; reboot -f ;;
esac
sleep 1000000
