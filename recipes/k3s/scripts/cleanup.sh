#!/bin/bash
# cleanup.sh — leave out of the image what only the build needed. Free space is zeroed after it, so k3s stops here:
# a kubelet that sees the disk fill removes images.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

say "stopping k3s"
systemctl stop k3s
if systemctl is-active --quiet k3s; then fail "k3s still runs"; fi

# containerd has unpacked the layers: the large ones are not needed as they came. The small ones describe the images.
blobs=/var/lib/rancher/k3s/agent/containerd/io.containerd.content.v1.content/blobs/sha256
if [ -d "$blobs" ]; then find "$blobs" -type f -size +1M -delete; fi
rm -rf /var/lib/rancher/k3s/agent/images /root/bundle

say "clearing package caches"
if command -v tdnf > /dev/null; then tdnf clean all; fi
if command -v yum > /dev/null; then yum clean all; fi
if command -v apt-get > /dev/null; then apt-get clean; fi

# Clones have network cards, and addresses, of their own.
for file in /etc/sysconfig/network-scripts/ifcfg-*; do
  if [ -f "$file" ]; then sed -i -e '/^HWADDR=/d' -e '/^UUID=/d' "$file"; fi
done
rm -f /etc/udev/rules.d/70-persistent-net.rules /var/lib/dhclient/* /var/lib/dhcp/* /var/lib/NetworkManager/*.lease

say "emptying logs and temporary directories"
rm -f /root/anaconda-ks.cfg /root/original-ks.cfg /root/kickstart-post.log
empty_logs
find /tmp /var/tmp -mindepth 1 -maxdepth 1 ! -name 'systemd-private-*' ! -name 'luabuild-*' -exec rm -rf {} +
