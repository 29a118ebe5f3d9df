#!/bin/sh
# install.sh: what the appliance consists of: a word at login.
set -eu
: "${GREETING:?what to say}"
printf '%s\n' "$GREETING, from the appliance" > /etc/motd
echo "the greeting is in place"
