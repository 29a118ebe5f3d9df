# What the installer says: on the console and, when the machine has one, on
# the first serial port, each line with the seconds since the kernel started.

serial=
case " $(cat /proc/cmdline) " in
    *" console="*) ;;
    *) (echo > /dev/ttyS0) 2>/dev/null && serial=/dev/ttyS0 ;;
esac

show() {                # stdin, line by line, as it comes
    while IFS= read -r line || [ "$line" ]; do
        printf '%s\n' "$line"
        printf '%s\n' "$line" >> /run/installer.log
        [ -z "$serial" ] || printf '%s\r\n' "$line" > $serial
    done
}

say() {
    read -r now _ < /proc/uptime
    printf '[%6s] %s\n' "$now" "$*" | show
}

# Tell what is wrong and stop, as installers do that nobody watches.
fail() {
    say "INSTALLATION STOPPED: $1"
    shift
    for line; do say "  $line"; done
    say "Nothing more will happen. (Press Enter for a shell.)"
    read -r _
    exec setsid cttyhack sh
}

argument() {            # NAME...: value of the last such kernel argument
    value=
    for word in $(cat /proc/cmdline); do
        for name; do case $word in "$name"=*) value=${word#*=} ;; esac; done
    done
    printf '%s' "$value"
}

# SECONDS COMMAND...: until it succeeds, or the time is over
wait_for() {
    tries=$(($1 * 10)); shift
    until "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        usleep 100000
    done
}
