#!/bin/bash
# seal.sh — the last step: what every machine has to have of its own is made at its first start. After it, log in no more.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

systemctl is-enabled --quiet host-keys || fail "host-keys.service is not enabled: without it there would be no ssh"

# Empty, not gone: systemd makes a new one and does not take it for the first boot of an unconfigured system.
: > /etc/machine-id
if [ -f /var/lib/dbus/machine-id ] && [ ! -L /var/lib/dbus/machine-id ]; then ln -sf /etc/machine-id /var/lib/dbus/machine-id; fi
# At the shutdown a new seed would be written, one and the same for all copies.
if systemctl is-active --quiet systemd-random-seed; then systemctl stop systemd-random-seed; fi
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /var/lib/systemd/random-seed /root/.bash_history
empty_logs
sync
say "sealed"
