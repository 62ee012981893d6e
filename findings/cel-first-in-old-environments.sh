#!/usr/bin/env bash
# k8s.io/apiserver 0.37.2 counts CEL's first() among the functions of Kubernetes 1.30.
#
# An API server checks a new ValidatingAdmissionPolicy against the CEL environment of an older version, so
# that older replicas, and a rollback, can still read the policy. k8s.io/apiserver offers these
# environments as environment.MustBaseEnvSet. The environment of 1.30 refuses what came later, such as
# all(i, v, …) with two variables, of 1.32. It accepts [1].first(): the library of optional types is added
# without a version, and so in its newest form. The real 1.30, k8s.io/apiserver 0.30.14, has no first().
# A policy that passes the check fails there.
#
# Seen: 0.37.2 accepts first() and refuses all() with two variables; 0.30.14 refuses both.
set -euo pipefail

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

# compile VERSION ARGUMENT: what k8s.io/apiserver VERSION says of both expressions in the environment of
# 1.30, a line each. ARGUMENT is a further argument of MustBaseEnvSet.
compile() {
  mkdir "$work/$1" && cd "$work/$1"
  cat >main.go <<GO
package main

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"
)

func main() {
	env := environment.MustBaseEnvSet(version.MajorMinor(1, 30)$2).NewExpressionsEnv()
	for _, expression := range []string{"[1].first().hasValue()", "[1].all(i, v, v > i)"} {
		verdict := "accepted"
		if _, issues := env.Compile(expression); issues.Err() != nil {
			verdict, _, _ = strings.Cut(issues.Err().Error(), "\n")
		}
		fmt.Printf("%s: %s\n", expression, verdict)
	}
}
GO
  go mod init finding >/dev/null 2>&1
  go get "k8s.io/apiserver@v$1" "k8s.io/apimachinery@v$1" >/dev/null 2>&1
  go mod tidy >/dev/null 2>&1
  go run .
}

new=$(compile 0.37.2 "")
old=$(compile 0.30.14 ", true")
printf 'k8s.io/apiserver 0.37.2, environment of 1.30:\n%s\nk8s.io/apiserver 0.30.14, environment of 1.30:\n%s\n' "$new" "$old"

if grep -qx '\[1\].first().hasValue(): accepted' <<<"$new" && ! grep -q 'all.*: accepted' <<<"$new" && ! grep -q ': accepted' <<<"$old"; then
  echo "AS DESCRIBED"
else
  echo "CHANGED"
  exit 1
fi
