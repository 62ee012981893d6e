#!/usr/bin/env bash
# Builds Kubernetes' programs, of which etcd counts as one, from the Go module proxy into DIR, at the
# versions that go.mod beside this script pins. Does nothing when DIR holds them already. An interrupted
# build resumes where it was, since Go caches every package that it compiled.
#
#   build.sh DIR PROGRAM…
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "usage: $0 DIR PROGRAM…" >&2
  exit 2
fi
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift
packages=()
for program in "$@"; do
  case $program in
  etcd) packages+=(go.etcd.io/etcd/server/v3) ;;
  *) packages+=("k8s.io/kubernetes/cmd/$program") ;;
  esac
done
cd "$(dirname "$0")"

# A second build of the same directory waits for the first one and then finds its work done.
exec 9>"$dir/.lock"
if ! flock -n 9; then
  echo "Waiting for another build of $dir"
  flock 9
fi

version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
etcd=$(go list -m -f '{{.Version}}' go.etcd.io/etcd/server/v3)

# kubectl refuses to compare itself with a server whose version it cannot parse, so the
# version is stamped as a release build stamps it.
stamp() { printf -- '-X k8s.io/component-base/version.%s=%s ' "$1" "$2"; }
IFS=. read -r major minor _ <<<"${version#v}"
ldflags="-s -w $(stamp gitVersion "$version")$(stamp gitMajor "$major")$(stamp gitMinor "$minor")$(stamp gitTreeState clean)"

# The first line is for people; the second changes with whatever the binaries are made of.
want="kubernetes $version, etcd $etcd
recipe $({ cat go.mod go.sum; echo "$ldflags $*"; } | sha256sum | cut -c1-16)"
if [ "$(cat "$dir/VERSION" 2>/dev/null)" = "$want" ]; then
  touch "$dir/VERSION" # newer than what make compares it with
  exit 0
fi

echo "Building $* (${want%%$'\n'*}) into $dir"
echo "(once; four to eight minutes on two cores with empty caches, 4 GB of build cache)"
total=$(go list -deps "${packages[@]}" | wc -l) # downloads the modules too

work=$dir/.building # ours alone under the lock, so what a killed build left is removed here
rm -rf "$work"
mkdir -p "$work/tmp"

# go build -v names each package as it is compiled: that is the progress there is. Linking a
# program names nothing for a minute, hence the timeout of read.
progress() {
  local line='' compiled=0 said=$SECONDS status
  trap '' INT # go's last words still pass through here
  while true; do
    status=0
    IFS= read -r -t 5 line || status=$?
    if [ "$status" -eq 0 ]; then
      if [[ $line =~ ^[a-zA-Z0-9_.~/-]+$ ]]; then
        compiled=$((compiled + 1))
      else
        printf '%s\n' "$line" >&2
      fi
    elif [ "$status" -le 128 ]; then
      break # the end of the input; above 128 it is the timeout
    fi
    if [ $((SECONDS - said)) -ge 10 ]; then
      said=$SECONDS
      printf '  %4d of at most %d packages compiled, %3d s\n' "$compiled" "$total" "$SECONDS"
    fi
  done
}

# In the background, because bash runs traps only between foreground commands, and as a job
# (set -m), because else it ignores SIGINT, at which Go ends in good order.
export CGO_ENABLED=0 GOTMPDIR=$work/tmp
SECONDS=0
set -m
{ go build -v -trimpath -ldflags "$ldflags" -o "$work/bin/" "${packages[@]}" 2>&1 | progress; } &
build=$!
set +m
trap 'kill -INT -- "-$build" 2>/dev/null || true; wait "$build" || true; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
wait "$build"
printf '  built in %d s\n' "$SECONDS"

[ ! -e "$work/bin/server" ] || mv "$work/bin/server" "$work/bin/etcd" # envtest looks for a binary of this name
rm -f "$dir/VERSION"                   # until all are replaced, DIR holds no version
mv "$work"/bin/* "$dir/"
printf '%s\n' "$want" >"$dir/VERSION"
