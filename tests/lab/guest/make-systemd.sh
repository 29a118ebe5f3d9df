#!/bin/sh
# Make the system of the lab's guest with systemd: a small Debian of its own packages, set up by mmdebstrap (debootstrap's
# younger brother, which needs nobody's root), and what is in systemd/root.
#   make-systemd.sh [TAR]            default: build/lab/systemd.tar
# Takes 30 s and fetches 50 MB, by apt's proxy where the machine has one.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
tar=${1:-$root/build/lab/systemd.tar}
work=$(mktemp -d "${TMPDIR:-/tmp}/guest-systemd.XXXXXX")
trap 'rm -rf "$work"' EXIT

names=$(sed 's/#.*//' "$here/systemd/packages" | tr -s ' \t\n' ',' | sed 's/^,//; s/,$//')

# what is ours: files, and the kickstarts' package tools, which keep lists of names here as in the other guest
mkdir "$work/root"
cp -R "$here/systemd/root/." "$work/root"
mkdir -p "$work/root/usr/bin" "$work/root/var/lib/lab" "$work/root/var/log/journal"
sed '1s,/bin/busybox sh,/bin/sh,' "$here/system/usr/lib/lab/stand-in" > "$work/root/usr/lib/lab/stand-in"
for name in rpm tdnf yum; do ln -s ../lib/lab/stand-in "$work/root/usr/bin/$name"; done
chmod -R a+rX,u+w,go-w "$work/root"
chmod 755 "$work/root"/usr/lib/lab/*
tar -C "$work/root" --owner=0 --group=0 --numeric-owner -cf "$work/root.tar" usr etc var

apt-config dump | grep -i '^Acquire::.*proxy' > "$work/apt.conf" || true
mkdir -p "$(dirname "$tar")"
# shellcheck disable=SC2016 # "$1" is mmdebstrap's: where the new system is
mmdebstrap --quiet --variant=minbase --include="$names" --aptopt="$work/apt.conf" --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='chroot "$1" systemctl disable --quiet ssh' \
    --customize-hook="tar-in $work/root.tar /" \
    --customize-hook='chroot "$1" systemctl enable --quiet sshd systemd-networkd firewalld' \
    --customize-hook='chroot "$1" systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
        e2scrub_reap fstrim.timer systemd-pstore' \
    bookworm "$work/systemd.tar"
mv "$work/systemd.tar" "$tar"
