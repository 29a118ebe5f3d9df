#!/bin/bash
# install.sh — k3s with its options and registries, and jq: a cluster of one node that answers.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# What k3s and these scripts call, and the package that has it. A minimal system may lack some; so may its mirrors.
install_tools() {
  local tool missing=()
  for tool in curl:curl tar:tar gzip:gzip awk:gawk find:findutils iptables:iptables; do
    if ! command -v "${tool%%:*}" > /dev/null; then missing+=("${tool#*:}"); fi
  done
  if [ ${#missing[@]} = 0 ]; then return; fi
  say "installing ${missing[*]}"
  if command -v tdnf > /dev/null; then tdnf install -y "${missing[@]}"
  elif command -v yum > /dev/null; then yum install -y "${missing[@]}"
  elif command -v apt-get > /dev/null; then apt-get install -y --no-install-recommends "${missing[@]}"
  else false; fi || fail "these packages are missing, and cannot be installed: ${missing[*]}"
}

# The cluster's own rules and firewalld's do not get along.
turn_off_firewalld() {
  if systemctl cat firewalld > /dev/null 2>&1; then
    say "turning firewalld off"
    systemctl disable --now firewalld
  fi
}

install_programs() {
  fetch "$JQ_URL" "$JQ_CHECKSUM" /usr/local/bin/jq
  fetch "$K3S_URL" "$K3S_CHECKSUM" /usr/local/bin/k3s
  chmod 755 /usr/local/bin/jq /usr/local/bin/k3s
  local name
  for name in kubectl crictl ctr; do ln -sfn k3s "/usr/local/bin/$name"; done
}

configure_registries() {
  mkdir -p /etc/rancher/k3s
  if [ -z "$INSECURE_REGISTRY" ]; then
    rm -f /etc/rancher/k3s/registries.yaml
    return
  fi
  [[ $INSECURE_REGISTRY =~ ^[A-Za-z0-9.-]+(:[0-9]+)?$ ]] || fail "INSECURE_REGISTRY is no host[:port]: $INSECURE_REGISTRY"
  sed "s/@INSECURE_REGISTRY@/$INSECURE_REGISTRY/" "$resources/registries.yaml" > /etc/rancher/k3s/registries.yaml
}

# k3s loads every archive of this directory when it starts.
fetch_images() {
  local url
  for url in $K3S_IMAGES_URL; do
    fetch "$url" "$K3S_IMAGES_CHECKSUM" "/var/lib/rancher/k3s/agent/images/${url##*/}"
  done
}

start_k3s() {
  install -m 644 "$resources/systemd/k3s.service" /etc/systemd/system/k3s.service
  printf 'K3S_OPTIONS=%s\n' "$K3S_OPTIONS" > /etc/default/k3s
  systemctl daemon-reload
  systemctl enable k3s
  say "starting k3s"
  systemctl restart k3s || fail "k3s does not start: $(journalctl -u k3s -n 20 --no-pager 2>&1)"
  wait_for 300 test -s /etc/rancher/k3s/k3s.yaml || fail "k3s has written no kubeconfig in 5 minutes"
  install -D -m 400 /etc/rancher/k3s/k3s.yaml /root/.kube/config
  wait_for 300 kubectl get --raw /readyz || fail "the Kubernetes API is not ready after 5 minutes"
}

# The files that workflows and the file server share; the server's pods write as other users.
install -d -m 777 /data /data/iso
mkdir -p /etc/default
install_tools
turn_off_firewalld
install_programs
configure_registries
fetch_images
start_k3s
say "k3s runs: $(k3s --version | head -n 1)"
