#!/bin/bash
# Install the guest in a QEMU machine without the lab, log in, shut it down; print how
# long each part took. For work on the guest itself.
#   try.sh photon|centos|cd|none
# photon: kickstart by HTTP, typed after <esc>; centos: by floppy, typed after <tab>; cd: on a
# second CD, named by its label; none: no kickstart. Environment: CONTROLLER=ide|sata|lsilogic|lsilogic-sas|
# pvscsi|nvme|virtio|virtio-scsi, NIC=e1000|e1000e|vmxnet3|virtio-net-pci, FIRMWARE=bios|efi|efi-secure,
# MORE="kernel arguments", KICKSTART=a ks.cfg for the floppy, ISO=…, DISK_SIZE=1024M, CPUS, MEMORY, CPU=max, ACCEL=tcg,tb-size=64, KEEP=1 (leave the files), SHOW=1 (print the screen's serial copy).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
kind=${1:?photon, centos, cd or none}
iso=${ISO:-$root/build/lab/guest.iso}
password='Pass word$1'
work=$(mktemp -d "${TMPDIR:-/tmp}/guest-try.XXXXXX")
port=$((20000 + $$ % 20000))            # monitor; +1 ssh, +2 http
pids=()

finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    [ "${SHOW:-}" ] && said
    if [ "${KEEP:-}" ]; then echo "files: $work"; else rm -rf "$work"; fi
}
trap finish EXIT

said() { grep -av $'\e' "$work/serial"; }        # by the guest, without EFI's menus
now() { date +%s%N; }
cpu() { awk '{ printf "%.1f s", ($14 + $15) / 100 }' "/proc/$qemu/stat"; }        # spent by QEMU until now
since() { awk -v from="$1" -v to="$(now)" 'BEGIN { printf "%.1f s", (to - from) / 1e9 }'; }
fail() { echo "try.sh: $*" >&2; [ -f "$work/serial" ] && said | tail -n 30 >&2; exit 1; }

fill() {                # a kickstart with its ${names} filled in
    sed -e "s|\${ssh_password_hash}|$(printf '%s\n' "$password" | busybox mkpasswd -m sha512)|" -e "s|\${http}|$1|g" "$2"
}

key() {                 # CHARACTER: its name for QEMU's sendkey
    case $1 in
        [a-z0-9]) echo "$1" ;;  [A-Z]) echo "shift-${1,,}" ;;
        ' ') echo spc ;;        / ) echo slash ;;       . ) echo dot ;;         , ) echo comma ;;
        = ) echo equal ;;       - ) echo minus ;;       _ ) echo shift-minus ;; : ) echo shift-semicolon ;;
        $'\t') echo tab ;;      $'\n') echo ret ;;      $'\e') echo esc ;;
        *) fail "no key for $1" ;;
    esac
}

type_text() {
    local i
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    for ((i = 0; i < ${#1}; i++)); do
        echo "sendkey $(key "${1:i:1}") 20" >&3
        sleep 0.05
        [ "${1:i:1}" != $'\e' ] || sleep 1
    done
    sleep 0.3
    exec 3>&- 3<&-
}

wait_line() {           # SECONDS TEXT: in what the guest says on its serial port
    local end=$((SECONDS + $1))
    until grep -q "$2" "$work/serial" 2>/dev/null; do
        [ $SECONDS -lt $end ] || fail "waited $1 s for: $2"
        kill -0 "$qemu" 2>/dev/null || fail "QEMU ended"
        ! grep -aq 'INSTALLATION STOPPED' "$work/serial" || fail "the installer stopped"
        sleep 0.1
    done
}

wait_banner() {
    local end=$((SECONDS + $1)) line
    until line=$(timeout 2 bash -c "exec 3<>/dev/tcp/127.0.0.1/$((port + 1)); head -c 7 <&3" 2>/dev/null) && [ "$line" = SSH-2.0 ]; do
        [ $SECONDS -lt $end ] || fail "waited $1 s for ssh"
        sleep 0.2
    done
}

guest() {               # run a command there
    printf '#!/bin/sh\necho "%s"\n' "${password//$/\\$}" > "$work/askpass"; chmod 700 "$work/askpass"
    SSH_ASKPASS="$work/askpass" SSH_ASKPASS_REQUIRE=force ssh -F none -p $((port + 1)) -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile="$work/known" -o PubkeyAuthentication=no -o LogLevel=ERROR ${SSH_OPTIONS:-} root@127.0.0.1 "$@" < /dev/null
}

machine=(-machine pc) media=()
case ${CONTROLLER:-lsilogic} in
    ide) disk=(-drive if=none,id=d,cache=unsafe,discard=unmap,file="$work/disk.qcow2" -device ide-hd,drive=d,bus=ide.0,bootindex=1) ;;
    sata) disk=(-device ahci,id=sata -drive if=none,id=d,cache=unsafe,discard=unmap,file="$work/disk.qcow2" -device ide-hd,drive=d,bus=sata.0,bootindex=1) ;;
    lsilogic) disk=(-device lsi53c895a,id=scsi -drive if=none,id=d,cache=unsafe,discard=unmap,file="$work/disk.qcow2" -device scsi-hd,drive=d,bus=scsi.0,bootindex=1) ;;
    lsilogic-sas) disk=(-device megasas,id=scsi -drive if=none,id=d,cache=unsafe,discard=unmap,file="$work/disk.qcow2" -device scsi-hd,drive=d,bus=scsi.0,bootindex=1) ;;
    pvscsi) disk=(-device pvscsi,id=scsi -drive if=none,id=d,cache=unsafe,discard=unmap,file="$work/disk.qcow2" -device scsi-hd,drive=d,bus=scsi.0,bootindex=1) ;;
    nvme) disk=(-drive if=none,id=d,cache=unsafe,discard=unmap,file="$work/disk.qcow2" -device nvme,serial=1,drive=d,bootindex=1) ;;
    virtio-scsi) disk=(-device virtio-scsi-pci,id=scsi -drive if=none,id=d,cache=unsafe,discard=unmap,file="$work/disk.qcow2" -device scsi-hd,drive=d,bus=scsi.0,bootindex=1) ;;
    virtio) disk=(-drive if=none,id=d,cache=unsafe,discard=unmap,file="$work/disk.qcow2" -device virtio-blk-pci,drive=d,bootindex=1) ;;
esac
case ${FIRMWARE:-bios} in
    efi) cp /usr/share/OVMF/OVMF_VARS_4M.fd "$work/vars"
         machine+=(-drive if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd -drive if=pflash,unit=1,format=raw,file="$work/vars") ;;
    efi-secure) cp /usr/share/OVMF/OVMF_VARS_4M.ms.fd "$work/vars"
         machine=(-machine q35,smm=on -global driver=cfi.pflash01,property=secure,value=on -device isa-fdc,id=fdc
             -drive if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.ms.fd -drive if=pflash,unit=1,format=raw,file="$work/vars") ;;
esac

qemu-img create -q -f qcow2 "$work/disk.qcow2" "${DISK_SIZE:-1024M}"
mkdir "$work/http"
case $kind in
    photon)
        mkdir "$work/http/3"
        fill "http://10.0.2.2:$((port + 2))" "$root/kickstart/photon/3/ks.json" | sed "s|/dev/sda|/dev/${KS_DISK:-sda}|" > "$work/http/3/ks.json"
        echo hello > "$work/http/hello"
        busybox httpd -f -vv -p "127.0.0.1:$((port + 2))" -h "$work/http" 2> "$work/httpd.log" & pids+=($!)
        text=$'\e'"vmlinuz initrd=initrd.img root=/dev/ram0 loglevel=3 photon.media=cdrom ks=http://10.0.2.2:$((port + 2))/3/ks.json ${MORE:-}"$'\n' ;;
    centos)
        fill '' "${KICKSTART:-$root/kickstart/centos/7/ks.cfg}" > "$work/ks.cfg"
        mformat -C -i "$work/floppy" -f 1440 :: && mmd -i "$work/floppy" ::/7 && mcopy -i "$work/floppy" "$work/ks.cfg" ::/7/ks.cfg
        media=(-drive if=none,id=f,format=raw,file="$work/floppy" -device floppy,drive=f)
        text=$'\t'" text ks=hd:fd0:/7/ks.cfg ${MORE:-}"$'\n' ;;
    cd)
        mkdir "$work/cd"; fill '' "$root/kickstart/centos/7/ks.cfg" > "$work/cd/ks.cfg"
        xorriso -as mkisofs -quiet -V KS -J -R -o "$work/ks.iso" "$work/cd" 2>/dev/null
        media=(-drive if=ide,index=3,media=cdrom,file="$work/ks.iso")
        text=$'\t'" ${KS:-ks=hd:LABEL=KS:/ks.cfg} ${MORE:-}"$'\n' ;;
    none) text=$'\n' ;;
    *) fail "photon, centos, cd or none" ;;
esac

start=$(now)
qemu-system-x86_64 -nodefaults -vga std -accel "${ACCEL:-tcg,tb-size=64}" -cpu "${CPU:-max}" -smp "${CPUS:-1}" -m "${MEMORY:-512}" "${machine[@]}" -display none -serial "file:$work/serial" \
    -monitor "tcp:127.0.0.1:$port,server=on,wait=off" "${disk[@]}" \
    -drive if=none,id=cd,media=cdrom,readonly=on,file="$iso" -device ide-cd,drive=cd,bus=ide.${CD_BUS:-1},bootindex=2 "${media[@]}" \
    -nic "user,model=${NIC:-e1000},hostfwd=tcp:127.0.0.1:$((port + 1))-:22" &
qemu=$!; pids+=("$qemu")
sleep "${BOOT_WAIT:-$([ "${FIRMWARE:-bios}" = bios ] && echo 5 || echo 20)}"
if [ "${FIRMWARE:-bios}" != bios ]; then    # GRUB's command line
    text=${text%$'\n'} text=${text#?}
    text="clinux /isolinux/vmlinuz ${text#vmlinuz initrd=initrd.img }"$'\n'"initrd /isolinux/initrd.img"$'\n'"boot"$'\n'
fi
type_text "$text"
[ "$kind" != none ] || { until grep -aq 'no kickstart was given' "$work/serial"; do sleep 0.2; done; echo "no kickstart: said so after $(since "$start")"; exit 0; }
typed=$(now)
[ ! "${SCREEN:-}" ] || { sleep 3; echo "screendump $SCREEN" > "/dev/tcp/127.0.0.1/$port"; sleep 1; }
wait_line 120 'luabuild lab installer'; echo "boot of the CD:     $(since "$typed"), $(cpu) of CPU"
booted=$(now)
wait_line 120 'installed;'; echo "install:            $(since "$booted"), $(cpu)"
installed=$(now)
wait_banner 120; echo "reboot to ssh:      $(since "$installed"), $(cpu)"
guest "SHOW=${SHOW:-};"' cat /etc/os-release | head -n 2; uname -r; hostname; rpm -q open-vm-tools; systemctl is-active hello; ls /dev/sr0; id; cat /proc/uptime; [ -z "$SHOW" ] || dmesg'
guest 'shutdown now'
off=$(now)
tail --pid="$qemu" -f /dev/null
echo "shutdown:           $(since "$off")"
echo "disk's file:        $(du -m "$work/disk.qcow2" | cut -f1) MiB"
[ ! -f "$work/httpd.log" ] || sed 's/^/httpd: /' "$work/httpd.log"
echo "all:                $(since "$start")"
