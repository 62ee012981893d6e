package scope

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestLabels(t *testing.T) {
	strange := func(key, value, says string) []Violation {
		return []Violation{{RuleLabel, "metadata.labels[" + key + "]", value, says}}
	}
	listing := func(labels map[string][]string) *policy.Policy {
		return deerflow(func(p *policy.Policy) { p.Allow.Labels = labels })
	}
	person := &Creator{Username: "dev"}
	runCreate(t, []createTest{
		{name: "the selector's, the identity's and the sandbox id", pod: sandbox(label("sandbox-id", "46b71e4a")), verdict: Allowed},
		{name: "another", pod: sandbox(label("team", "red")), verdict: Refused, violations: strange("team", "red", saysUnlistedLabel)},
		{name: "another, of a person", creator: person, pod: sandbox(label("team", "red")), verdict: Allowed},
		{name: "a Deployment's", pod: sandbox(label("pod-template-hash", "x")), verdict: Refused, violations: strange("pod-template-hash", "x", saysControllersLabel)},
		{name: "a StatefulSet's", pod: sandbox(label("controller-revision-hash", "x")), verdict: Refused, violations: strange("controller-revision-hash", "x", saysControllersLabel)},
		{
			name: "a Deployment's as the sandbox id", pod: sandbox(label("pod-template-hash", "x")), verdict: Refused,
			policy:     deerflow(func(p *policy.Policy) { p.SandboxIDKey = "pod-template-hash" }),
			violations: strange("pod-template-hash", "x", saysControllersLabel),
		},
		{name: "a listed value", policy: listing(map[string][]string{"team": {"blue", "red"}}), pod: sandbox(label("team", "red")), verdict: Allowed},
		{
			name: "no listed value", policy: listing(map[string][]string{"team": {"blue", "red"}}), pod: sandbox(label("team", "")),
			verdict: Refused, violations: strange("team", "", saysUnlistedLabel),
		},
		{name: "any value", policy: listing(map[string][]string{"team": {"*"}}), pod: sandbox(label("team", "")), verdict: Allowed},
		{name: "any value of another key", policy: listing(map[string][]string{"team": {"*"}}), pod: sandbox(label("teams", "x")), verdict: Refused, violations: strange("teams", "x", saysUnlistedLabel)},
		{
			name: "several", pod: sandbox(label("b", "2"), label("a", "1")), verdict: Refused,
			violations: append(strange("a", "1", saysUnlistedLabel), strange("b", "2", saysUnlistedLabel)...),
		},
	})
}

// What a provisioner gives to a stored Pod is judged, and not what the Pod has.
func TestGivenByUpdate(t *testing.T) {
	unmarked := func(pod *corev1.Pod) { pod.Annotations = nil }
	gateway := func(app string) *corev1.Pod {
		return sandbox(unmarked, noLabel("user-id", "thread-id"), label("app", app))
	}
	const cost = "controller.kubernetes.io/pod-deletion-cost"
	steering := func(value string) []Violation {
		return []Violation{{RuleAnnotation, "metadata.annotations[" + cost + "]", value, saysUnlistedAnnotation}}
	}
	strange := func(key, value string) []Violation {
		return []Violation{{RuleLabel, "metadata.labels[" + key + "]", value, saysUnlistedLabel}}
	}
	for _, test := range []struct {
		name     string
		old, pod *corev1.Pod
		want     []Violation
		byPerson bool
	}{
		{name: "a label that is kept", old: sandbox(label("team", "red")), pod: sandbox(label("team", "red"), annotation("note", "x"))},
		{name: "a label that goes", old: sandbox(label("team", "red")), pod: sandbox()},
		{name: "a label that comes", old: sandbox(), pod: sandbox(label("team", "red")), want: strange("team", "red")},
		{name: "an empty label that comes", old: sandbox(), pod: sandbox(label("team", "")), want: strange("team", "")},
		{name: "a label that changes", old: sandbox(label("team", "red")), pod: sandbox(label("team", "blue")), want: strange("team", "blue")},
		{name: "a label that comes, by a person", old: sandbox(), pod: sandbox(label("team", "red")), byPerson: true},
		{name: "a sandbox id for an older sandbox", old: sandbox(unmarked), pod: sandbox(unmarked, label("sandbox-id", "46b71e4a"))},
		{name: "the gateway's label", old: gateway("gateway"), pod: gateway("frontend"), want: strange("app", "frontend")},
		{name: "the gateway's label, for a Pod that was judged for its claim", old: sandbox(noLabel("app")), pod: sandbox(label("app", "gateway")), want: strange("app", "gateway")},
		{name: "an older sandbox's label", old: sandbox(unmarked), pod: sandbox(unmarked, label("app", "frontend")), want: strange("app", "frontend")},
		{name: "an annotation that is kept", old: sandbox(annotation(cost, "1")), pod: sandbox(annotation(cost, "1"), annotation("note", "x"))},
		{name: "an annotation that comes", old: sandbox(), pod: sandbox(annotation(cost, "")), want: steering("")},
		{name: "an annotation that changes", old: sandbox(annotation(cost, "1")), pod: sandbox(annotation(cost, "2")), want: steering("2")},
		{name: "the gateway's annotation", old: gateway("gateway"), pod: func() *corev1.Pod {
			pod := gateway("gateway")
			pod.Annotations = map[string]string{cost: "1"}
			return pod
		}(), want: steering("1")},
		{name: "an annotation that comes, by a person", old: sandbox(), pod: sandbox(annotation(cost, "1")), byPerson: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			who := Creator{Username: provisioner}
			if test.byPerson {
				who.Username = "dev"
			}
			got := Update(policy.Policies{deerflow()}, Request{Namespace: "deer-flow", Creator: who, Pod: test.pod}, test.old)
			if !slices.Equal(got.Violations, test.want) {
				t.Errorf("got  %+v\nwant %+v", got.Violations, test.want)
			}
		})
	}
}
