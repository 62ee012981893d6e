#!/usr/bin/env bash
# Makes an image for amd64 and arm64 of the programs PROGRAMS/userscope-ARCH and the license texts
# PROGRAMS/licenses-ARCH: the OCI layout DIR, in which it is named TAG. Prints the digest, which is the
# same whenever the programs are. Builds with buildah or, where that is missing, with docker; neither
# fetches anything.
#
#   build.sh PROGRAMS DIR TAG
set -euo pipefail

if [ $# -ne 3 ]; then
  echo "usage: $0 PROGRAMS DIR TAG" >&2
  exit 2
fi
programs=$1 dir=$2 tag=$3
dockerfile=$(dirname "$0")/../../../Dockerfile
if command -v buildah >/dev/null; then
  engine=buildah
elif docker info >/dev/null 2>&1; then
  engine=docker
else
  echo "$0: install buildah, or start docker: neither can build an image here" >&2
  exit 1
fi

rm -rf "$dir"
mkdir -p "$dir"
work=$(mktemp -d)
# What the engines say is for whoever has to find out why they failed.
exec 3>&1 4>&2 >"$work/log" 2>&1
trap 'status=$?; [ "$status" -eq 0 ] || cat "$work/log" >&4; rm -rf "$work"' EXIT

if [ "$engine" = buildah ]; then
  # In a storage of its own, and without overlays, which a container may not mount.
  buildah() { command buildah --storage-driver vfs --root "$work/root" --runroot "$work/run" "$@"; }
  buildah manifest create userscope
  for arch in amd64 arm64; do # one after the other: their order is part of what the digest is of
    buildah build --platform "linux/$arch" --timestamp 0 --identity-label=false --tag "userscope:$arch" \
      --file "$dockerfile" "$programs"
    buildah manifest add userscope "userscope:$arch"
  done
  buildah manifest push --all userscope "oci:$dir:$tag"
else
  SOURCE_DATE_EPOCH=0 docker buildx build --platform linux/amd64,linux/arm64 --provenance=false --sbom=false \
    --output "type=oci,tar=false,dest=$dir,name=userscope:$tag,rewrite-timestamp=true" --file "$dockerfile" "$programs"
fi
grep -o 'sha256:[0-9a-f]*' "$dir/index.json" >&3
