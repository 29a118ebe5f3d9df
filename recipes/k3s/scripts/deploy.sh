#!/bin/bash
# deploy.sh — Argo Workflows, the file server, the image of the workflow's steps, and what runs at the first start elsewhere.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chart=$work/argo-workflows.tgz values=$resources/values/argo-workflow.yaml

install_helm() {
  fetch "$HELM_URL" "$HELM_CHECKSUM" "$work/helm.tar.gz"
  tar -xzf "$work/helm.tar.gz" -C "$work" linux-amd64/helm
  install -m 755 "$work/linux-amd64/helm" /usr/local/bin/helm
}

# The images that YAML on standard input names.
images_of() { sed -n 's/^[ -]*image: *"\{0,1\}\([^" ]*\).*/\1/p' | sort -u; }

pull() { # IMAGE...: those that no archive has brought
  local image
  for image in "$@"; do
    if [ -n "$(crictl images -q "$image")" ]; then continue; fi
    say "pulling $image"
    crictl pull "$image" || fail "the image $image cannot be pulled"
  done
}

pull_images() {
  local rendered names
  rendered=$(helm template argo-workflow "$chart" --values "$values")
  # the executor's image is no container's: it is in an argument of the controller
  names=$(
    printf '%s\n' "$rendered" | images_of
    printf '%s\n' "$rendered" | grep -oE '[a-z0-9./-]+/argoexec:[A-Za-z0-9._-]+' || true
    cat "$resources"/manifests/*.yaml "$resources/workflow/workflow.yaml" | images_of
  )
  mapfile -t names < <(printf '%s\n' "$names" | sort -u)
  pull "${names[@]}"
}

install_first_start() {
  install -m 755 "$scripts/prepare.sh" /usr/local/bin/prepare.sh
  install -m 644 "$resources/systemd/k3s-prepare.service" "$resources/systemd/host-keys.service" /etc/systemd/system/
  systemctl daemon-reload
  systemctl enable k3s-prepare host-keys
}

export KUBECONFIG=/root/.kube/config
install_helm
fetch "$ARGO_CHART_URL" "$ARGO_CHART_CHECKSUM" "$chart"
pull_images
say "applying the manifests"
kubectl apply -f "$resources/manifests"
say "installing Argo Workflows"
helm upgrade --install argo-workflow "$chart" --namespace default --values "$values" --atomic --cleanup-on-fail --wait --wait-for-jobs --timeout 15m
install_first_start
