#!/bin/bash
# prepare.sh — bring every pod up again where the address is another one than before: at the first start after an import.
# k3s-prepare.service runs it at each start; by hand: prepare.sh [SECONDS], how long to wait for the pods (600).
set -euo pipefail
export PATH=/usr/local/bin:$PATH KUBECONFIG=/root/.kube/config
limit=${1:-600}

say() { printf '%s\n' "$*"; }
fail() {
  printf 'prepare.sh: %s\n' "$*" >&2
  exit 1
}

# "namespace name" of each pod that neither runs with all its containers ready nor has ended well.
unwell() {
  kubectl get pods --all-namespaces -o json | jq -r '.items[]
    | select(.status.phase | IN("Succeeded", "Completed") | not)
    | select(.status.phase != "Running" or ([.status.containerStatuses[]?.ready] | all | not))
    | "\(.metadata.namespace) \(.metadata.name)"'
}

wait_until() { # WHAT COMMAND...
  local what=$1 end=$((SECONDS + limit))
  shift
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "$what: not within $limit seconds"
    sleep 5
  done
}

restart_unwell() {
  local namespace name
  unwell | while read -r namespace name; do
    say "restarting $namespace/$name"
    kubectl -n "$namespace" delete pod "$name" --grace-period=0 --force > /dev/null 2>&1 || true
  done
}

all_well() {
  local left
  left=$(unwell) || return 1
  [ -z "$left" ]
}

# Right after the start the API still tells what was so before it.
stay_well() { all_well && sleep 15 && all_well; }

can_settle() {
  local try
  for try in 1 2 3 4 5 6; do
    if stay_well > /dev/null 2>&1; then return; fi
    say "waiting for the pods ($try of 6)"
    sleep 10
  done
  return 1
}

wait_until "the Kubernetes API is ready" kubectl get --raw /readyz
wait_until "the system's pods are there" kubectl -n kube-system get deployment coredns
if ! can_settle; then
  restart_unwell
  wait_until "every pod is well (kubectl get pods --all-namespaces)" stay_well
fi
say "every pod is well"
