# shellcheck shell=bash
# common.sh — what the scripts of the appliance share: messages, where things come from, how they are fetched. It is sourced.

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export resources=${scripts%/*}/resources
export PATH=/usr/local/bin:$PATH

say() { printf '%s\n' "$*"; }
fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# ---- where things come from ----
# With MIRROR, the URL of a directory, everything is in there under its usual name, and SHA256SUMS has the digests. Each _URL and
# each _CHECKSUM can be set on its own. A checksum is a SHA-256, the URL of a list of them, or the word none.

: "${INSECURE_REGISTRY:=}" "${MIRROR:=}" "${K3S_OPTIONS:=}"
: "${K3S_VERSION:=v1.23.6+k3s1}" "${JQ_VERSION:=1.6}" "${HELM_VERSION:=v3.8.2}" "${ARGO_VERSION:=0.15.3}"

default() { # NAME VALUE: unless it has one. An indirect := would do, but sets nothing in bash 4.2, which is CentOS 7's.
  if [ -z "${!1:-}" ]; then printf -v "$1" %s "$2"; fi
}

source_of() { # NAME URL CHECKSUM: give NAME_URL and NAME_CHECKSUM their defaults
  if [ -n "$MIRROR" ]; then
    default "$1_URL" "${MIRROR%/}/${2##*/}"
    default "$1_CHECKSUM" "${MIRROR%/}/SHA256SUMS"
  fi
  default "$1_URL" "$2"
  default "$1_CHECKSUM" "$3"
}

k3s_release=https://github.com/k3s-io/k3s/releases/download/${K3S_VERSION/+/%2B}
jq_digest=none helm_digest=https://get.helm.sh/helm-$HELM_VERSION-linux-amd64.tar.gz.sha256sum
if [ "$JQ_VERSION" = 1.6 ]; then jq_digest=af986793a515d500ab2d35f8d2aecd656e764504b789b66d7e1a0b727a124c44; fi
if [ "$HELM_VERSION" = v3.8.2 ]; then helm_digest=6cb9a48f72ab9ddfecab88d264c2f6508ab3cd42d9c09666be16a7bf006bed7b; fi

source_of K3S "$k3s_release/k3s" "$k3s_release/sha256sum-amd64.txt"
source_of JQ "https://github.com/stedolan/jq/releases/download/jq-$JQ_VERSION/jq-linux64" "$jq_digest"
source_of HELM "https://get.helm.sh/helm-$HELM_VERSION-linux-amd64.tar.gz" "$helm_digest"
source_of ARGO_CHART "https://github.com/argoproj/argo-helm/releases/download/argo-workflows-$ARGO_VERSION/argo-workflows-$ARGO_VERSION.tgz" none
: "${K3S_IMAGES_URL:=}" "${K3S_IMAGES_CHECKSUM:=${MIRROR:+${MIRROR%/}/SHA256SUMS}}"
: "${K3S_IMAGES_CHECKSUM:=$k3s_release/sha256sum-amd64.txt}"

# ---- how they are fetched ----

download() { curl -fsSL --retry 5 --retry-delay 3 --connect-timeout 20 "$@"; }

digest_for() { # NAME CHECKSUM: the digest itself, from a list of "digest name" if need be
  case $2 in
    *://*)
      local list
      list=$(download "$2") || fail "the list of digests could not be fetched: $2"
      printf '%s\n' "$list" | awk -v name="$1" '{ sub(/^.*[*\/]/, "", $2) } $2 == name && !found++ { print $1 }'
      ;;
    *) printf '%s\n' "${2#sha256:}" ;;
  esac
}

fetch() { # URL CHECKSUM FILE: nothing has the final name before its digest is right
  local name=${1##*/} want found
  say "fetching $1"
  mkdir -p "${3%/*}"
  rm -f "$3.part"
  download -o "$3.part" "$1" || fail "$1 could not be fetched"
  if [ "$2" = none ]; then
    say "  taken as it came: there is no checksum for $name"
  else
    want=$(digest_for "$name" "$2") || exit 1
    found=$(sha256sum "$3.part" | cut -d ' ' -f 1)
    if [ "$found" != "${want,,}" ]; then
      rm -f "$3.part"
      [[ $want =~ ^[0-9a-fA-F]{64}$ ]] || fail "no SHA-256 for $name: $2"
      fail "$name has the SHA-256 $found, expected ${want,,}"
    fi
  fi
  mv -f "$3.part" "$3"
}

# ---- waiting ----

# SECONDS COMMAND...: until the command succeeds.
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 3
  done
}

# ---- logs ----

# The journal is kept by machine-id: what is not removed stays in every copy for good. Its files are let go of first; a systemd
# before 243 does so when it starts anew.
empty_logs() {
  local again=
  journalctl --relinquish-var > /dev/null 2>&1 || again=1
  rm -rf /var/log/journal/*
  if [ "$again" ]; then systemctl restart systemd-journald; fi
  find /var/log -type f -exec truncate -s 0 {} +
}
