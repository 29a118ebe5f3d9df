# What the kickstart says about the new system (mounted on /mnt/sysimage).

first() { [ -f "$ks/$1" ] && head -n 1 "$ks/$1"; }

read_kickstart() {      # $ks/source to the files the rest works from
    case $(tr -d ' \t\r\n' < "$ks/source" | head -c 1) in
        '{') kind="Photon OS kickstart (JSON)"
             awk -f /installer/json.awk "$ks/source" > /run/json 2> /run/errors &&
             while IFS= read -r line; do printf '%b\n' "$line"; done < /run/json | awk -v ks="$ks" -f /installer/ks-json.awk 2>> /run/errors ;;
        *)   kind="Anaconda kickstart"
             awk -v ks="$ks" -f /installer/ks-cfg.awk "$ks/source" 2> /run/errors ;;
    esac || fail "$kind refused: $(cat /run/errors)"
    say "$kind read"
    [ ! -f "$ks/ignored" ] || say "not obeyed by this installer: $(cat "$ks/ignored")"
    [ -s "$ks/password" ] || [ "$(first password.kind)" = locked ] || fail "the kickstart sets no root password"
}

password_hash() {
    case $(first password.kind) in
        locked) echo '!' ;;
        crypted) first password ;;
        *) first password | mkpasswd -m sha512 ;;
    esac
}

configure_system() {
    hash=$(password_hash)
    case $hash in
        '!'|'$'?*) ;;
        *) fail "the root password is said to be hashed, and is not: a hash begins with \$6\$" ;;
    esac
    { printf 'root:%s:19000:0:99999:7:::\n' "$hash"; sed '/^root:/d' /mnt/sysimage/etc/shadow; } > /run/shadow
    cat /run/shadow > /mnt/sysimage/etc/shadow

    name=$(first hostname)
    echo "${name:-localhost}" > /mnt/sysimage/etc/hostname
    echo "127.0.0.1 localhost ${name:-}" > /mnt/sysimage/etc/hosts
    [ ! -f "$ks/timezone" ] || cp "$ks/timezone" /mnt/sysimage/etc/timezone
    printf 'UUID=%s / ext4 noatime,noinit_itable 0 1\n%s /boot %s noatime 0 2\n' "$root_uuid" \
        "$(blkid "$(part 1)" | sed -n 's/.* UUID="\([^"]*\)".*/UUID=\1/p')" \
        "$(awk '$2 == "/mnt/sysimage/boot" { print $3 }' /proc/mounts)" > /mnt/sysimage/etc/fstab
    if [ -f "$ks/packages" ]; then
        # lab.package-failures=N: the CD lacks the tools too, the script has to fetch them
        grep -vx "$(argument lab.package-failures | sed 's/..*/open-vm-tools/;s/^$/ /')" "$ks/packages" >> /mnt/sysimage/var/lib/lab/packages
    fi
    [ ! -f "$ks/root_login" ] || sed -i "s/^PermitRootLogin .*/PermitRootLogin $(first root_login)/" /mnt/sysimage/etc/ssh/sshd_config
    if [ -f "$ks/keys" ]; then mkdir -p -m 700 /mnt/sysimage/root/.ssh; cp "$ks/keys" /mnt/sysimage/root/.ssh/authorized_keys; chmod 600 /mnt/sysimage/root/.ssh/authorized_keys; fi
    grep -qs '^type static' "$ks/network" && cp "$ks/network" /mnt/sysimage/etc/lab-network
    say "root password ($(first password.kind)), hostname ${name:-localhost} set"
}

# A system may have a last step of its own.
finish_system() {
    [ -x /mnt/sysimage/usr/lib/lab/installed ] || return 0
    chroot /mnt/sysimage /usr/lib/lab/installed > /run/output 2>&1 || fail "the system's last step failed" "$(tail -n 3 /run/output)"
}

# Run %pre here; %post and Photon's postinstall in the new system, where the
# distribution's own tools are stand-ins. --nochroot runs here too.
run_scripts() {         # pre or post
    number=1
    while [ -f "$ks/$1.$number" ]; do
        script=$ks/$1.$number
        number=$((number + 1))
        say "running the kickstart's $1 script ($(wc -l < "$script") lines)"
        run_one "$1" "$script" > /run/output 2>&1 && status=0 || status=$?
        show < /run/output
        if [ "$1" = post ]; then
            log=$(first "${script##*/}.log")
            mkdir -p "/mnt/sysimage$(dirname "${log:-/var/log/kickstart-post.log}")"
            cat /run/output >> "/mnt/sysimage${log:-/var/log/kickstart-post.log}"
        fi
        [ $status = 0 ] && continue
        [ ! -f "$script.erroronfail" ] || fail "the kickstart's $1 script ended with status $status (--erroronfail)"
        say "the kickstart's $1 script ended with status $status; going on, as the real installers do"
    done
}

run_one() {             # pre or post, file
    interpreter=$(first "${2##*/}.interpreter")
    [ "$(head -c 2 "$2")" = '#!' ] || interpreter=${interpreter:-/bin/sh}
    if [ "$1" = pre ] || [ -f "$2.nochroot" ]; then
        "${interpreter:-/bin/sh}" "$2"
        return
    fi
    cp "$2" /mnt/sysimage/tmp/kickstart-script
    chmod 700 /mnt/sysimage/tmp/kickstart-script
    chroot /mnt/sysimage /usr/bin/env -i HOME=/root TERM=linux PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        $interpreter /tmp/kickstart-script < /dev/null
    result=$?
    rm -f /mnt/sysimage/tmp/kickstart-script
    return $result
}
