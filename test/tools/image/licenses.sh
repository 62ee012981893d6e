#!/usr/bin/env bash
# Writes the license texts of all that is linked into userscope into the directory DIR, each below the
# path of its package. For another machine than this, say GOOS and GOARCH. It is run at the root of the
# repository, and reads only what Go has compared with go.sum.
#
#   licenses.sh GO-LICENSES DIR
set -euo pipefail

if [ $# -ne 2 ]; then
  echo "usage: $0 GO-LICENSES DIR" >&2
  exit 2
fi
go_licenses=$1 dir=$2
export CGO_ENABLED=0
GOROOT=$(go env GOROOT)
export GOROOT # without which all of it is taken for other people's packages

# The text that holds for each package, from wherever in the module, and notices.
"$go_licenses" save ./cmd/userscope --force --save_path="$dir" --logtostderr=false --stderrthreshold=ERROR
# It looks at one text only: some modules have more, of what they were translated from.
go list -deps -f '{{with .Module}}{{.Path}} {{.Dir}}{{end}}' ./cmd/userscope | sort -u | while read -r module source; do
  mkdir -p "$dir/$module"
  find "$source" -maxdepth 1 -type f \( -name 'LICEN[CS]E*' -o -name 'COPYING*' -o -name 'NOTICE*' -o -name 'PATENTS*' \) \
    -exec cp -f -t "$dir/$module" {} +
done
mkdir -p "$dir/std"
cp "$GOROOT/LICENSE" "$dir/std"
chmod -R u=rwX,go=rX "$dir"
