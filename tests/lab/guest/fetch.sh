#!/bin/sh
# Fetch the Debian packages of the lab's guest (see packages) into
# build/lab/deb, as an ordinary user and without installing anything.
#   fetch.sh [FOLDER]
# What is there already is not fetched again. Ends 0 when all are there.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
to=${1:-$root/build/lab/deb}
mkdir -p "$to"
to=$(cd "$to" && pwd)
lists=$to/.apt

names() { sed 's/#.*//' "$here/packages" | tr -s ' \t\n' '\n' | sed '/^$/d'; }

missing() {
    names | while read -r name; do
        case $name in
            linux-image-amd64) pattern='linux-image-[0-9]' ;;
            *) pattern=${name}_ ;;
        esac
        set -- "$to"/$pattern*.deb
        [ -e "$1" ] || echo "$name"
    done
}

apt_own_lists() {       # package lists of our own: nobody's root needed
    mkdir -p "$lists/lists/partial" "$lists/archives/partial"
    set -- -o Dir::State::Lists="$lists/lists" -o Dir::Cache="$lists" "$@"
    apt_with "$@"
}

apt_with() {            # apt-get or apt-cache, as the last words say
    options=
    while [ "$1" = -o ]; do options="$options -o $2"; shift 2; done
    tool=$1; shift
    "$tool" $options -o APT::Sandbox::User="$(id -un)" -qq "$@"
}

download() {            # $1: which apt; fetch what is missing
    wanted=$(missing)
    case $wanted in
        *linux-image-amd64*)
            kernel=$("$1" apt-cache depends linux-image-amd64 |
                     sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
            [ "$kernel" ] || return 1
            wanted=$(echo "$wanted" | sed "s/^linux-image-amd64\$/$kernel/") ;;
    esac
    rm -rf "$to/.new" && mkdir "$to/.new" &&     # the final name only when whole
        (cd "$to/.new" && "$1" apt-get download $wanted) && mv "$to/.new"/*.deb "$to" && rmdir "$to/.new"
}

[ "$(missing)" ] || exit 0
echo "fetching $(missing | wc -l) Debian packages for the lab's guest"
if ! download apt_with; then
    echo "the machine's package lists are missing or old: using fresh ones of our own"
    apt_own_lists apt-get update
    download apt_own_lists
fi
rm -rf "$lists"
left=$(missing)
[ -z "$left" ] || { echo "fetch.sh: not fetched: $left" >&2; exit 1; }
