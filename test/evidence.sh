#!/usr/bin/env bash
# Runs what takes too long for every test run, and writes the figures to docs/evidence.md. It ends
# with a failure, and leaves the page as it was, if anything is found. Its logs stay in
# bin/evidence.
#
#   FUZZTIME=10m test/evidence.sh
set -euo pipefail
cd "$(dirname "$0")/.."
fuzztime=${FUZZTIME:-10m}
commit=$(git describe --always --dirty)
logs=bin/evidence
rm -rf "$logs"
mkdir -p "$logs"
say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*" >&2; }
fail() { say "$1; the end of $2:"; tail -n 40 "$2" >&2; exit 1; }

# What decides: the policy, the reading of Pods, and the decision itself.
decision=(webhook/policy webhook/podjson webhook/scope)
say "unit tables of the decision"
go test -count=1 -coverprofile "$logs/profile" -coverpkg "$(IFS=,; echo "${decision[*]/#/./}")" "${decision[@]/#/./}" >"$logs/coverage" 2>&1 ||
  fail "a table fails" "$logs/coverage"
go tool cover -func "$logs/profile" >"$logs/functions"
coverage=$(sed -n 's/^total:.*[[:space:]]\([0-9.]*%\)$/\1/p' "$logs/functions")
awk -v have="${coverage%\%}" 'BEGIN { exit !(have >= 97) }' || fail "the tables cover only $coverage" "$logs/functions"

say "every Pod of a small alphabet"
(cd test && go test -count=1 -v -timeout 1h ./suites/exhaustion -one-in 1) >"$logs/exhaustion" 2>&1 || fail "the oracle disagrees" "$logs/exhaustion"
exhaustion=$(grep -oE '[0-9]+ Pods in [0-9hms.]+' "$logs/exhaustion" | sed ':a; N; $!ba; s/\n/; /g' || true)
[ -n "$exhaustion" ] || fail "no Pod was tried" "$logs/exhaustion"

say "every state of the issuer, two of it at once"
USERSCOPE_MODEL_LONG=1 go test -count=1 -v -timeout 3h -run '^TestModel$' ./certs/rotation >"$logs/model" 2>&1 || fail "the issuer is not safe" "$logs/model"
model=$(grep -oE '[0-9]+ states' "$logs/model" | paste -sd ';' | sed 's/;/; /g' || true)
[ -n "$model" ] || fail "no state was visited" "$logs/model"

say "random Pods"
(cd test && go test -count=1 -v -timeout 1h ./suites/property -rapid.checks 50000) >"$logs/property" 2>&1 || fail "the oracle disagrees" "$logs/property"

say "rotations of the CA"
(cd test && go test -count=1 -v -timeout 2h ./suites/rotation -run '^TestRotation$' -rotations 20) >"$logs/rotation" 2>&1 || fail "a rotation is noticed" "$logs/rotation"
rotation=$(sed -n 's/.*: \([0-9]* rotations, .* trusted\)$/\1/p' "$logs/rotation")
[ -n "$rotation" ] || fail "no CA was replaced" "$logs/rotation"

say "random Pods on a real API server"
(cd test && go test -count=1 -v -timeout 1h ./suites/backstop -rapid.checks 5000) >"$logs/backstop" 2>&1 || fail "the API server's part disagrees" "$logs/backstop"

say "hostile clients"
make -s build
(cd test && go test -count=1 -v -timeout 30m ./suites/flood -hostile 200 -for 1m) >"$logs/flood" 2>&1 || fail "a flood does harm" "$logs/flood"
flood() { sed -n "s/.*_test.go:[0-9]*: \($1.*\)\$/\1/p" "$logs/flood"; }
[ -n "$(flood 200)" ] && [ -n "$(flood through)" ] || fail "nothing was flooded" "$logs/flood"

say "migrations that are cut short"
go build -o bin/userscope ./cmd/userscope
(cd test && go test -count=1 -v -timeout 2h ./suites/migrate -run 'TestCrash|TestKill' -every -kills 500) >"$logs/migrate" 2>&1 || fail "a migration loses something" "$logs/migrate"
kills=$(grep -oE '[0-9]+ processes killed, [0-9]+ of them at work' "$logs/migrate") || fail "no migration was killed" "$logs/migrate"
deaths=$(grep -cE '^ +--- PASS: .*/(before|within|after|with)' "$logs/migrate") || fail "no migration died" "$logs/migrate"

say "mutants of the decision"
(cd test/tools/gremlins && go build -o ../../../bin/gremlins tool)
(cd test && go build -o ../bin/mutants ./cmd/mutants)
for package in "${decision[@]}"; do # without the packages below it
  bin/gremlins unleash --workers 2 --timeout-coefficient 20 --exclude-files / --output "$logs/mutants.json" "./$package" >"$logs/gremlins" 2>&1 ||
    fail "gremlins fails" "$logs/gremlins"
  printf '\n### %s\n\n' "$package" >>"$logs/mutants"
  bin/mutants "$package" "$logs/mutants.json" >>"$logs/mutants" 2>"$logs/mutants.log" || fail "a mutant lives" "$logs/mutants.log"
done

# fuzz MODULE PACKAGE TARGET WHAT, on one core
fuzz() {
  (cd "$1" && go test "$2" -run '^$' -fuzz "^$3\$" -fuzztime "$fuzztime" -parallel 1) >"$logs/$3" 2>&1 || fail "$3 finds something, or does not run" "$logs/$3"
  local inputs
  inputs=$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' "$logs/$3" | tail -n 1)
  [ "${inputs:-0}" -gt 0 ] || fail "$3 tried nothing" "$logs/$3"
  printf '| fuzzing %s (`%s`) | %s, %s inputs | nothing found |\n' "$4" "$3" "$fuzztime" "$inputs" >"$logs/$3.row"
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
| hostile clients of one address, beside 8 clients of another that ask what API servers ask | $(flood 200) | no restart, memory below the chart's limit, 99 of 100 answered within a second, none failed |
| hostile and other provisioners through one API server, which are one peer | $(flood through) | no restart, memory below the chart's limit |
| migrations and their undoing, cut short before and after every call to the filesystem | $deaths deaths | nothing lost, taken up by the next run |
| the same, their processes killed at random | $kills | nothing lost, taken up by the next run |
| statement coverage of \`webhook/policy\`, \`webhook/podjson\` and \`webhook/scope\` by their own unit tables | $coverage | at least 97 % |

## Mutants of the decision

Every mutant that gremlins makes of a package is tried against the unit tables of that package, also those in the
cases of switches, which it takes for not covered itself.
$(cat "$logs/mutants")
TEXT
say "written: docs/evidence.md"
