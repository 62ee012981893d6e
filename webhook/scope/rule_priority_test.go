package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestPriority(t *testing.T) {
	with := func(class string, priority int32) *corev1.Pod {
		return sandbox(spec(func(s *corev1.PodSpec) { s.PriorityClassName, s.Priority = class, &priority }))
	}
	named := func(class string) *corev1.Pod {
		return sandbox(spec(func(s *corev1.PodSpec) { s.PriorityClassName = class }))
	}
	high := func(value string) Violation { return Violation{RulePriority, "spec.priority", value, saysHighPriority} }
	system := func(class string) Violation {
		return Violation{RulePriority, "spec.priorityClassName", class, saysSystemPriority}
	}
	thousand := allowing(func(a *policy.Allow) { a.MaxPriority = 1000 })
	runCreate(t, []createTest{
		{name: "none", pod: with("", 0), verdict: Allowed},
		{name: "the default class", pod: with("default", 0), verdict: Allowed},
		{name: "below", pod: with("low", -1), verdict: Allowed},
		{name: "a class that is not computed", pod: named("high"), verdict: Allowed},
		{name: "system in the middle", pod: named("my-system-class"), verdict: Allowed},
		{name: "above", pod: with("high", 1), verdict: Refused, violations: []Violation{high("1")}},
		{name: "up to the policy's", policy: thousand, pod: with("high", 1000), verdict: Allowed},
		{name: "above the policy's", policy: thousand, pod: with("high", 1001), verdict: Refused, violations: []Violation{high("1001")}},
		{name: "a class of the system", policy: thousand, pod: named("system-cluster-critical"), verdict: Refused, violations: []Violation{system("system-cluster-critical")}},
		{name: "another class of the system", pod: with("system-", 0), verdict: Refused, violations: []Violation{system("system-")}},
		{name: "a class of the system, computed", pod: with("system-node-critical", 2000001000), verdict: Refused,
			violations: []Violation{high("2000001000"), system("system-node-critical")}},
	})
}
