package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestNodeName(t *testing.T) {
	on := func(node string) *corev1.Pod { return sandbox(spec(func(s *corev1.PodSpec) { s.NodeName = node })) }
	refused := func(node string) []Violation {
		return []Violation{{RulePlacement, "spec.nodeName", node, saysNodeName}}
	}
	listed := allowing(func(a *policy.Allow) { a.NodeNames = []string{"node-1", "node-2"} })
	runCreate(t, []createTest{
		{name: "any", pod: on("node-1"), verdict: Refused, violations: refused("node-1")},
		{name: "listed first", policy: listed, pod: on("node-1"), verdict: Allowed},
		{name: "listed last", policy: listed, pod: on("node-2"), verdict: Allowed},
		{name: "another than listed", policy: listed, pod: on("node-3"), verdict: Refused, violations: refused("node-3")},
	})
}

// A stored Pod has the node that the scheduler chose, which its update keeps.
func TestUpdateKeepsTheNode(t *testing.T) {
	stored := func() *corev1.Pod {
		return sandbox(annotation("user-id", "alice"), annotation("thread-id", "t1"), stamped("alice", "t1"),
			spec(func(s *corev1.PodSpec) { s.NodeName = "node-1" }))
	}
	pod := stored()
	pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{}
	decision := Update(policy.Policies{deerflow()}, Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod}, stored())
	if decision.Verdict != Allowed {
		t.Errorf("got %+v", decision)
	}
}

func TestTolerations(t *testing.T) {
	minute := int64(60)
	of := func(tolerations ...corev1.Toleration) *corev1.Pod {
		return sandbox(spec(func(s *corev1.PodSpec) { s.Tolerations = tolerations }))
	}
	refused := func(spelled string) []Violation {
		return []Violation{{RulePlacement, "spec.tolerations[0]", spelled, saysToleration}}
	}
	const exists, equal, flee = corev1.TolerationOpExists, corev1.TolerationOpEqual, corev1.TaintEffectNoExecute
	var tests []createTest
	for _, toleration := range []corev1.Toleration{
		{Key: "node.kubernetes.io/not-ready", Operator: exists, Effect: flee, TolerationSeconds: &minute},
		{Key: "node.kubernetes.io/unreachable", Operator: exists, Effect: flee, TolerationSeconds: &minute},
		{Key: "a", Effect: corev1.TaintEffectNoSchedule},
		{Operator: exists, Effect: corev1.TaintEffectNoSchedule},
		{Operator: exists, Effect: corev1.TaintEffectPreferNoSchedule},
	} {
		tests = append(tests, createTest{name: "good: " + toleration.String(), pod: of(toleration), verdict: Allowed})
	}
	for _, toleration := range []corev1.Toleration{
		{Operator: exists},
		{Operator: exists, Effect: flee},
		{Operator: exists, Effect: flee, TolerationSeconds: &minute},
		{Key: "a"},
		{Key: "a", Effect: flee, TolerationSeconds: &minute},
		{Key: "node.kubernetes.io/not-ready", Operator: exists},
		{Key: "node.kubernetes.io/not-ready", Operator: exists, Effect: flee},
		{Key: "node.kubernetes.io/unreachable", Operator: exists, Effect: flee},
		{Key: "node.kubernetes.io/memory-pressure", Operator: exists, Effect: flee, TolerationSeconds: &minute},
	} {
		tests = append(tests, createTest{name: "bad: " + toleration.String(), pod: of(toleration), verdict: Refused, violations: refused(spelled(toleration))},
			createTest{name: "all listed: " + toleration.String(), pod: of(toleration), verdict: Allowed,
				policy: allowing(func(a *policy.Allow) { a.Tolerations = []corev1.Toleration{{Key: "b"}, {Operator: exists}} })})
	}
	listed := corev1.Toleration{Key: "a", Value: "v", Effect: flee, TolerationSeconds: &minute}
	narrow := allowing(func(a *policy.Allow) { a.Tolerations = []corev1.Toleration{listed} })
	second, longer := int64(1), int64(61)
	for name, test := range map[string]struct {
		toleration corev1.Toleration
		good       bool
	}{
		"the same":            {listed, true},
		"its operator said":   {corev1.Toleration{Key: "a", Operator: equal, Value: "v", Effect: flee, TolerationSeconds: &minute}, true},
		"a shorter time":      {corev1.Toleration{Key: "a", Value: "v", Effect: flee, TolerationSeconds: &second}, true},
		"a longer time":       {corev1.Toleration{Key: "a", Value: "v", Effect: flee, TolerationSeconds: &longer}, false},
		"for ever":            {corev1.Toleration{Key: "a", Value: "v", Effect: flee}, false},
		"another value":       {corev1.Toleration{Key: "a", Value: "w", Effect: flee, TolerationSeconds: &minute}, false},
		"every value":         {corev1.Toleration{Key: "a", Operator: exists, Effect: flee, TolerationSeconds: &minute}, false},
		"every value, and v":  {corev1.Toleration{Key: "a", Operator: exists, Value: "v", Effect: flee, TolerationSeconds: &minute}, false},
		"a greater value":     {corev1.Toleration{Key: "a", Operator: "Gt", Value: "v", Effect: flee, TolerationSeconds: &minute}, false},
		"another key":         {corev1.Toleration{Key: "b", Value: "v", Effect: flee, TolerationSeconds: &minute}, false},
		"every effect, value": {corev1.Toleration{Key: "a", Value: "v"}, false},
	} {
		want := createTest{name: "narrow: " + name, policy: narrow, pod: of(test.toleration), verdict: Allowed}
		if !test.good {
			want.verdict, want.violations = Refused, refused(spelled(test.toleration))
		}
		tests = append(tests, want)
	}
	runCreate(t, tests)
}

func TestTolerationsAreSpelled(t *testing.T) {
	for want, toleration := range map[string]corev1.Toleration{
		"*:*":         {Operator: corev1.TolerationOpExists},
		"*:NoExecute": {Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute},
		"a:*":         {Key: "a"},
		"a=b:*":       {Key: "a", Value: "b"},
	} {
		if got := spelled(toleration); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
