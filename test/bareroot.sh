#!/usr/bin/env bash
# Shows that Go, make, git and a network are all that make needs: clones the last commit into a minimal
# Debian root below DIR, which has nothing else, and makes the targets there. The first run of a DIR has
# empty caches. Needs root and debootstrap.
#
#   bareroot.sh DIR [TARGET...]   (demo and test, unless told)
set -euo pipefail

if [ $# -lt 1 ]; then
  echo "usage: $0 DIR [TARGET...]" >&2
  exit 2
fi
mkdir -p "$1"
root=$(cd "$1" && pwd)/root
shift
[ $# -gt 0 ] || set -- demo test
cd "$(dirname "$0")/.."

if [ ! -e "$root/usr/bin/git" ]; then
  debootstrap --variant=minbase --include=make,git,ca-certificates bookworm "$root"
fi
if [ ! -e "$root/usr/local/go/bin/go" ]; then
  cp -a "$(go env GOROOT)/." "$root/usr/local/go"
fi
# The network of this machine, as it is reached from here.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

[ -e "$root/src/.git" ] || git clone -q . "$root/src"
git push -q --force "$root/src" HEAD:refs/heads/bare
git -C "$root/src" checkout -q --force --detach bare

# Nothing of the environment comes in. All processes end with the first one, however that ends.
export root GOPROXY GOSUMDB
GOPROXY=$(go env GOPROXY) GOSUMDB=$(go env GOSUMDB)
# shellcheck disable=SC2016 # it is the inner shell that expands
unshare --mount --pid --fork --kill-child bash -euc '
  mount -t proc proc "$root/proc"
  exec chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/local/go/bin:/usr/bin:/bin TMPDIR=/tmp \
    GOPROXY="$GOPROXY" GOSUMDB="$GOSUMDB" GOTOOLCHAIN=local make -C /src "$@"' bareroot "$@"
