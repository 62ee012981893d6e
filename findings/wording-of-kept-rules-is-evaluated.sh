#!/usr/bin/env bash
# k8s.io/apiserver 0.37.2 evaluates the messageExpression of a validation that holds, and can refuse for it.
#
# Kubernetes' API reference says that a messageExpression "evaluates to the validation failure message that
# is returned when this rule fails". The validator of ValidatingAdmissionPolicies evaluates the wordings of
# all validations on every request, before it looks at a single result, out of what the validations have
# left of the cost budget. So a wording costs time on each object that keeps the rule, and where it is dearer
# than the rest of the budget, the API server refuses an object that keeps every rule.
#
# Seen, with a ConfigMap of 20 entries, a validation that is "true", and a budget of 10,000 cost units in place
# of the 10,000,000 of an API server: admit without a messageExpression; admit with one that costs little;
# deny, "failed messageExpression: ... cost budget", with one that goes over the entries in three nested loops.
set -euo pipefail

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"
)

const budget = 10_000

// judge has the validation "true" judge a ConfigMap, with a messageExpression where there is one.
func judge(message string) {
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(version.MajorMinor(1, 37)))
	if err != nil {
		panic(err)
	}
	compile := func(list ...plugincel.ExpressionAccessor) plugincel.ConditionEvaluator {
		evaluator := compiler.CompileCondition(list, plugincel.OptionalVariableDeclarations{}, environment.StoredExpressions)
		for _, err := range evaluator.CompilationErrors() {
			panic(err)
		}
		return evaluator
	}
	var wording plugincel.ExpressionAccessor
	if message != "" {
		wording = &validating.MessageExpressionCondition{MessageExpression: message}
	}
	fail := admissionregistrationv1.Fail
	validator := validating.NewValidator(compile(&validating.ValidationCondition{Expression: "true"}), nil, compile(), compile(wording), &fail, nil)

	object := &corev1.ConfigMap{Data: map[string]string{}}
	object.Name, object.Namespace = "harmless", "default"
	for i := range 20 {
		object.Data[fmt.Sprintf("key-%d", i)] = "value"
	}
	kind, resource := corev1.SchemeGroupVersion.WithKind("ConfigMap"), corev1.SchemeGroupVersion.WithResource("configmaps")
	attributes := admission.NewAttributesRecord(object, nil, kind, object.Namespace, object.Name, resource, "", admission.Create, nil, false, &user.DefaultInfo{})
	request := &admission.VersionedAttributes{Attributes: attributes, VersionedKind: kind, VersionedObject: admission.NewLazyObject(object)}
	for _, decision := range validator.Validate(context.Background(), resource, request, nil, nil, budget, nil).Decisions {
		fmt.Printf("messageExpression %q: %s %s\n", message, decision.Action, decision.Message)
	}
}

func main() {
	judge("")
	judge("'a word'")
	judge("object.data.all(a, object.data.all(b, object.data.all(c, object.data[a] == object.data[b]))) ? 'a word' : 'another'")
}
GO
go mod init finding >/dev/null 2>&1
go get k8s.io/apiserver@v0.37.2 k8s.io/apimachinery@v0.37.2 k8s.io/api@v0.37.2 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
seen=$(go run .)
printf 'k8s.io/apiserver 0.37.2, the validation "true":\n%s\n' "$seen"

if [ "$(grep -c ': admit ' <<<"$seen")" = 2 ] && grep -q 'all(a.*: deny failed messageExpression: .*budget' <<<"$seen"; then
  echo "AS DESCRIBED"
else
  echo "CHANGED"
  exit 1
fi
