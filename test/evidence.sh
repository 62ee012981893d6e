#!/usr/bin/env bash
# Runs what takes too long for every test run, and writes the figures to docs/evidence.md. It ends
# with a failure, and leaves the page as it was, if anything is found. Its logs stay in
# bin/evidence/COMMIT. A run that was cut short goes on where it was, as long as the commit is the same.
#
#   FUZZTIME=10m test/evidence.sh
set -euo pipefail
cd "$(dirname "$0")/.."
fuzztime=${FUZZTIME:-10m}
commit=$(git describe --always --abbrev=12 --dirty)
logs=$PWD/bin/evidence/$commit
[[ $commit != *-dirty ]] || rm -rf "$logs"
mkdir -p "$logs"
say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*" >&2; }
fail() { say "$1; the end of $2:"; tail -n 40 "$2" >&2; exit 1; }
# once LOG WHAT FUNCTION: calls the function, whose output goes to the log, unless an earlier run of this commit did.
# The shell does not end at errors in the function: && does.
once() {
  [ ! -e "$logs/$1.done" ] || { say "$2: done before"; return; }
  say "$2"
  "$3" >"$logs/$1" 2>&1 || fail "$2: failed" "$logs/$1"
  touch "$logs/$1.done"
}

# What decides: the policy, the reading of Pods, and the decision itself.
decision=(webhook/policy webhook/podjson webhook/scope)
unit_tables() {
  go test -count=1 -coverprofile "$logs/profile" -coverpkg "$(IFS=,; echo "${decision[*]/#/./}")" "${decision[@]/#/./}" &&
    go tool cover -func "$logs/profile"
}
once tables "unit tables of the decision" unit_tables
coverage=$(sed -n 's/^total:.*[[:space:]]\([0-9.]*%\)$/\1/p' "$logs/tables")
awk -v have="${coverage%\%}" 'BEGIN { exit !(have >= 97) }' || fail "the tables cover only $coverage" "$logs/tables"

# suite PACKAGE ARGUMENT...: a package of the tests' module
suite() { (cd test && go test -count=1 -v "./suites/$1" "${@:2}"); }

exhaustion() { suite exhaustion -timeout 1h -one-in 1; }
once exhaustion "every Pod of a small alphabet" exhaustion
exhaustion=$(grep -oE '[0-9]+ Pods in [0-9hms.]+' "$logs/exhaustion" | sed ':a; N; $!ba; s/\n/; /g' || true)
[ -n "$exhaustion" ] || fail "no Pod was tried" "$logs/exhaustion"

model() { USERSCOPE_MODEL_LONG=1 go test -count=1 -v -timeout 3h -run '^TestModel$' ./certs/rotation; }
once model "every state of the issuer, two of it at once" model
model=$(grep -oE '[0-9]+ states' "$logs/model" | paste -sd ';' | sed 's/;/; /g' || true)
[ -n "$model" ] || fail "no state was visited" "$logs/model"

property() { suite property -timeout 1h -rapid.checks 50000; }
once property "random Pods" property

rotation() { suite rotation -timeout 2h -run '^TestRotation$' -rotations 20; }
once rotation "rotations of the CA" rotation
rotation=$(sed -n 's/.*: \([0-9]* rotations, .* trusted\)$/\1/p' "$logs/rotation")
[ -n "$rotation" ] || fail "no CA was replaced" "$logs/rotation"

backstop() { suite backstop -timeout 1h -rapid.checks 5000; }
once backstop "random Pods on a real API server" backstop

make -s build
flood() { suite flood -timeout 30m -hostile 200 -for 1m; }
once flood "hostile clients" flood
flooded() { sed -n "s/.*_test.go:[0-9]*: \($1.*\)\$/\1/p" "$logs/flood"; }
[ -n "$(flooded 200)" ] && [ -n "$(flooded through)" ] || fail "nothing was flooded" "$logs/flood"

migrate() { suite migrate -timeout 2h -run 'TestCrash|TestKill' -every -kills 500; }
once migrate "migrations that are cut short" migrate
kills=$(grep -oE '[0-9]+ processes killed, [0-9]+ of them at work' "$logs/migrate") || fail "no migration was killed" "$logs/migrate"
deaths=$(grep -cE '^ +--- PASS: .*/(before|within|after|with)' "$logs/migrate") || fail "no migration died" "$logs/migrate"

mutants() {
  (cd test/tools/gremlins && go build -o ../../../bin/gremlins tool) &&
    (cd test && go build -o ../bin/mutants ./cmd/mutants) || return
  rm -f "$logs/mutants.md"
  for package in "${decision[@]}"; do # without the packages below it
    bin/gremlins unleash --workers 2 --timeout-coefficient 20 --exclude-files / --output "$logs/mutants.json" "./$package" &&
      printf '\n### %s\n\n' "$package" >>"$logs/mutants.md" &&
      bin/mutants "$package" "$logs/mutants.json" >>"$logs/mutants.md" || return
  done
}
once mutants "mutants of the decision" mutants

# fuzz MODULE PACKAGE TARGET WHAT, on one core
fuzz() {
  [ ! -e "$logs/$3.row" ] || return 0
  (cd "$1" && go test "$2" -run '^$' -fuzz "^$3\$" -fuzztime "$fuzztime" -parallel 1) >"$logs/$3" 2>&1 || fail "$3 finds something, or does not run" "$logs/$3"
  local inputs
  inputs=$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' "$logs/$3" | tail -n 1)
  [ "${inputs:-0}" -gt 0 ] || fail "$3 tried nothing" "$logs/$3"
  printf '| fuzzing %s (`%s`) | %s, %s inputs | nothing found |\n' "$4" "$3" "$fuzztime" "$inputs" >"$logs/$3.row.new"
  mv "$logs/$3.row.new" "$logs/$3.row"
}
set -m # each job has a process group, which ends as a whole
trap 'jobs -p | sed s/^/-/ | xargs -r kill --' EXIT
# Two at a time.
say "fuzzing for four times $fuzztime"
fuzz test ./suites/fuzz FuzzPodJSON "JSON as a Pod: decided, applied, judged by the oracle" & first=$!
fuzz test ./suites/property FuzzCreate "the choices that make a Pod: decided, judged by the oracle" & second=$!
wait "$first"
wait "$second"
fuzz test ./suites/fuzz FuzzAdmissionReview "bytes as an AdmissionReview" & first=$!
fuzz test ./suites/fuzz FuzzPolicyFile "bytes as a policy file" & second=$!
wait "$first"
wait "$second"
fuzz . ./webhook/policy FuzzTemplate "templates and the paths that they write and read" & first=$!
fuzz . ./webhook/scope FuzzSpelling "paths that spell identities" & second=$!
wait "$first"
wait "$second"
fuzz . ./webhook/policy FuzzTree "paths that are found among an identity's directories, which are written out" & first=$!
wait "$first"

cat >docs/evidence.md <<TEXT
# Evidence

What takes too long for every test run: the figures of \`make evidence\` on $(date -u +%F), at commit
$commit, on $(nproc) cores. It ends with a failure, and writes nothing, if anything is found. What
\`make test\` proves is not repeated here.

| what | how much | result |
|---|---|---|
| every Pod of small alphabets: decided, judged by the oracle | $exhaustion | no disagreement |
| states of the certificates' issuer that can be reached, see [certificates](certificates.md) | $model | each safe, and comes to rest |
| random Pods and requests: decided, judged by the oracle | 50000 of each kind | no disagreement |
| CAs replaced on a real API server, under the load of 8 clients, with 2 replicas that see the Secret late | $rotation | nothing noticed |
| random Pods and requests on a real API server: what calls the webhook, what the backstop refuses, by the decision and the oracle | 5000 of each kind | no disagreement |
$(cat "$logs"/Fuzz*.row)
| hostile clients of one address, beside 8 clients of another that ask what API servers ask | $(flooded 200) | no restart, memory below the chart's limit, 99 of 100 answered within a second, none failed |
| hostile and other provisioners through one API server, which are one peer | $(flooded through) | no restart, memory below the chart's limit |
| migrations and their undoing, cut short before and after every call to the filesystem | $deaths deaths | nothing lost, taken up by the next run |
| the same, their processes killed at random | $kills | nothing lost, taken up by the next run |
| statement coverage of \`webhook/policy\`, \`webhook/podjson\` and \`webhook/scope\` by their own unit tables | $coverage | at least 97 % |

## Mutants of the decision

Every mutant that gremlins makes of a package is tried against the unit tables of that package, also those in the
cases of switches, which it takes for not covered itself.
$(cat "$logs/mutants.md")
TEXT
say "written: docs/evidence.md"
