#!/usr/bin/env bash
# Runs what takes too long for every test run, and writes the figures to docs/evidence.md.
#
#   FUZZTIME=10m test/evidence.sh
set -euo pipefail
cd "$(dirname "$0")/.."
fuzztime=${FUZZTIME:-10m}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*" >&2; }
row() { printf '| %s | %s | %s |\n' "$1" "$2" "$3" >>"$work/rows"; }

# fuzz MODULE PACKAGE TARGET WHAT
fuzz() {
  say "fuzzing $3 for $fuzztime"
  local result="nothing found" execs
  if ! (cd "$1" && go test "$2" -run '^$' -fuzz "^$3\$" -fuzztime "$fuzztime" -fuzzminimizetime 10x) >"$work/$3" 2>&1; then
    result="**a failure**: see testdata/fuzz/$3"
    tail -20 "$work/$3" >&2
  fi
  execs=$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' "$work/$3" | tail -1)
  row "fuzzing $4 (\`$3\`)" "$fuzztime, ${execs:-0} inputs" "$result"
}

fuzz test ./fuzz FuzzPodJSON "JSON as a Pod: decided, applied, judged by the oracle"
fuzz test ./fuzz FuzzAdmissionReview "bytes as an AdmissionReview"
fuzz test ./fuzz FuzzPolicyFile "bytes as a policy file"
fuzz . ./webhook/scope FuzzTemplate "templates and the paths that they write and read"
fuzz . ./webhook/scope FuzzSpelling "paths that spell identities"

say "exhaustion"
(cd test && go test ./exhaustion -count=1 -v -run EveryPod) >"$work/exhaustion" 2>&1 || { tail -20 "$work/exhaustion" >&2; exit 1; }
row "every Pod of a small alphabet: decided, judged by the oracle" "$(grep -oE '[0-9]+ Pods in [0-9ms.]+' "$work/exhaustion")" "no disagreement"

say "mutation testing"
(cd test/tools/gremlins && go build -o "$work/gremlins" tool)
"$work/gremlins" unleash --workers 2 --timeout-coefficient 20 ./webhook/scope >"$work/mutants" 2>&1 || true
row "mutants of webhook/scope against its unit tables (gremlins)" \
  "$(grep -E '^Killed' "$work/mutants"); $(grep -oE '^Timed out: [0-9]+' "$work/mutants")" "see below"
row "statement coverage of webhook/scope by its unit tables" "$(go test -cover ./webhook/scope | grep -oE '[0-9.]+%')" ""

{
  cat <<TEXT
# Evidence

What takes too long for every test run, by \`make evidence\` on $(date -u +%F) at commit
$(git rev-parse --short HEAD). What \`make test\` proves is not repeated here.

| what | how much | result |
|---|---|---|
$(cat "$work/rows")

## Mutants that no unit table kills

$(grep -E '^ *(LIVED|TIMED OUT|NOT COVERED)' "$work/mutants" | sed -E 's/^ */    /' || true)

NOT COVERED are conditions that stand in a \`case\` of a switch without a subject: the tool takes only
the bodies of the cases for covered, and mutates none of these. The bodies are reached by the tables.
The bounds of the printable characters in \`violation.go\` may be off by one without a difference: a
space and a tilde are written alike by either branch. In \`podsecurity.go\` a copy of the Pod without
the listed capabilities is the same where none are listed.
TEXT
} >docs/evidence.md
say "written: docs/evidence.md"
