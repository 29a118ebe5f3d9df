# Where things come from: the CD, the network, the kickstart.

find_cd() {             # mount the CD with our system on /cd
    mkdir -p /cd
    for device in /dev/sr[0-9]*; do
        [ -b "$device" ] && mount -t iso9660 -o ro "$device" /cd 2>/dev/null || continue
        [ -f /cd/lab/system.tar ] && return
        umount /cd
    done
    return 1
}

network_up() {          # DHCP on the first nic that answers; leaves /run/network
    for path in /sys/class/net/*; do
        nic=${path##*/}
        [ "$nic" != lo ] || continue
        wait_for 4 grep -qs 1 "$path/carrier"   # what is asked before is lost, and asked again a second later
        udhcpc -i "$nic" -n -q -t 20 -T 1 -s /etc/udhcpc.sh > /run/udhcpc.log 2>&1 || continue
        echo "$nic $(ip -4 -o address show "$nic" | awk '{ print $4 }')" > /run/network
        return
    done
    touch /run/network
}

network() {             # wait for it: "eth0 10.0.2.15/24", or nothing when there is none
    wait_for 60 [ -f /run/network ]
    cat /run/network
}

# FOLDER /PATH: the file there whatever the case of its letters (a floppy
# without long names says 7/KS.CFG)
file_in() {
    [ -f "$1$2" ] && { printf '%s' "$1$2"; return; }
    find "$1" -type f | awk -v root="$1" -v want="$2" \
        'tolower(substr($0, length(root) + 1)) == tolower(want) { print; found = 1; exit } END { exit !found }'
}

take_from_device() {    # DEVICE /PATH: copy the kickstart from there
    mkdir -p /media
    mount -o ro -t vfat "$1" /media 2>/dev/null || mount -o ro -t iso9660 "$1" /media 2>/dev/null ||
        mount -o ro -t ext4 "$1" /media 2>/dev/null || return 2
    found=$(file_in /media "$2") && cp "$found" "$ks/source"
    status=$?
    [ $status = 0 ] || held=$(cd /media && find . -type f | head -n 20 | sed 's/^\.//' | tr '\n' ' ')
    umount /media
    return $status
}

device_named() {        # fd0, /dev/sr1, LABEL=KS, UUID=…: its path
    case $1 in
        LABEL=*|UUID=*) findfs "$(printf '%b' "$1")" 2>/dev/null ;;
        *) [ -b "/dev/${1#/dev/}" ] && echo "/dev/${1#/dev/}" ;;
    esac
}

kickstart_from_disk() { # DEVICE /PATH
    modprobe -qab floppy vfat isofs 2>/dev/null
    if ! wait_for 10 device_named "$1" > /run/device; then
        fail "kickstart ks=$wanted: there is no device $1" "block devices: $(ls /sys/block | tr '\n' ' ')" "$(blkid | tr '\n' ' ')"
    fi
    device=$(tail -n 1 /run/device)
    say "looking for $2 on $device"
    take_from_device "$device" "$2"
    case $? in
        1) fail "kickstart ks=$wanted: no file $2 on $device" "files there: ${held:-none}" ;;
        2) fail "kickstart ks=$wanted: $device cannot be mounted (no medium in it, or no file system)" ;;
    esac
}

kickstart_from_cds() {  # /PATH, on whichever CD has it
    for device in /dev/sr[0-9]*; do
        [ -b "$device" ] || continue
        say "looking for $1 on $device"
        [ -f /cd/lab/system.tar ] && found=$(grep -q "^$device /cd " /proc/mounts && file_in /cd "$1") && cp "$found" "$ks/source" && return
        take_from_device "$device" "$1" && return
    done
    fail "kickstart ks=$wanted: no CD with a file $1" "CD drives: $(ls -d /dev/sr[0-9]* 2>/dev/null | tr '\n' ' ')"
}

kickstart_from_http() {
    reached=$(network)
    [ "$reached" ] || fail "kickstart ks=$wanted: no network (no nic with a driver, or nothing answered DHCP)" "$(tail -n 1 /run/udhcpc.log 2>/dev/null)"
    say "network: $reached; fetching $wanted"
    for pause in 1 3 0; do      # not wget's own -T: with it busybox 1.35 ends by a segmentation fault
        timeout 20 wget -q -O "$ks/source" "$wanted" 2> /run/wget.log && return
        say "not fetched: $(tail -n 1 /run/wget.log)"
        sleep $pause
    done
    fail "kickstart ks=$wanted was not fetched: $(tail -n 1 /run/wget.log)" "this machine's address is $reached, gateway $(ip route | awk '/default/ { print $3 }')"
}

# The kernel argument ks= (or inst.ks=) decides; the file ends as $ks/source.
get_kickstart() {
    wanted=$(argument ks inst.ks)
    path=${wanted#*:}
    case $wanted in
        '') fail "no kickstart was given (ks=… on the kernel command line)" "A real installer would ask its questions now; this one has none to ask." ;;
        hd:*:/*) kickstart_from_disk "${path%%:*}" "/${path#*:/}" ;;
        hd:*) fail "kickstart ks=$wanted: expected hd:DEVICE:/PATH" ;;
        /dev/*:/*) kickstart_from_disk "${wanted%%:*}" "$path" ;;
        cdrom:/dev/*:/*) kickstart_from_disk "${path%%:*}" "${path#*:}" ;;
        cdrom:/*) kickstart_from_cds "$path" ;;
        http://*) kickstart_from_http ;;
        https://*|nfs:*|ftp:*) fail "kickstart ks=$wanted: this installer reads hd:, cdrom: and http: only" ;;
        *) fail "kickstart ks=$wanted: expected hd:DEVICE:/PATH, cdrom:/PATH or http://…" ;;
    esac
    [ -s "$ks/source" ] || fail "kickstart ks=$wanted is empty"
    say "kickstart: $(wc -c < "$ks/source") bytes from $wanted"
}
