#!/bin/sh
# mirror.sh FOLDER [K3S]: fill FOLDER with what the k3s recipe fetches, under the usual names, as far as it can be had offline: the
# stand-in for k3s and helm (default: build/lab/k3s), this machine's jq, a chart with the names of the real one, an archive with
# some of the images; and their SHA256SUMS.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=$1 k3s=${2:-$here/../../../build/lab/k3s}
work=$(mktemp -d "${TMPDIR:-/tmp}/k3s-mirror.XXXXXX")
trap 'rm -rf "$work"' EXIT

mkdir -p "$to" "$work/linux-amd64"
cp "$k3s" "$to/k3s"
cp "$k3s" "$work/linux-amd64/helm"
cp "$(command -v jq)" "$to/jq-linux64"
tar -C "$work" -czf "$to/helm-v3.8.2-linux-amd64.tar.gz" linux-amd64
tar -C "$here/chart" -czf "$to/argo-workflows-0.15.3.tgz" argo-workflows

# as docker save makes it: one large layer, two names
mkdir "$work/images"
head -c 5000000 /dev/urandom > "$work/images/layer.tar"
echo '[{"RepoTags":["docker.io/library/nginx:1.21.6","docker.io/filebrowser/filebrowser:v2.21.1"],"Layers":["layer.tar"]}]' > "$work/images/manifest.json"
tar -C "$work/images" -cf "$to/images.tar" layer.tar manifest.json
(cd "$to" && sha256sum -- * > "$work/SHA256SUMS" && mv "$work/SHA256SUMS" .)
