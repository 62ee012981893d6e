package scope

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestStamps(t *testing.T) {
	const policies, inPolicies = "userscope.dev/policies", "/metadata/annotations/userscope.dev~1policies"
	marked := annotation(policies, "deer-flow")
	unmarked := func(pod *corev1.Pod) { pod.Annotations = nil }
	user := Edit{Op: "add", Path: "/metadata/annotations/user-id", Value: "alice"}
	thread := Edit{Op: "add", Path: "/metadata/annotations/thread-id", Value: "t1"}
	userLabel := Edit{Op: "add", Path: "/metadata/labels/user-id", Value: "alice"}
	threadLabel := Edit{Op: "add", Path: "/metadata/labels/thread-id", Value: "t1"}
	hub := deerflow(func(p *policy.Policy) {
		p.Layout, p.Proof = policy.Layout{UserData: template("home/{user}")}, policy.ProofNever
	})
	tests := []struct {
		name   string
		policy *policy.Policy
		pod    *corev1.Pod
		want   []Edit
	}{
		{"everything there", nil, sandbox(marked, annotation("user-id", "alice"), annotation("thread-id", "t1")), nil},
		{"labels", nil, sandbox(marked), []Edit{user, thread}},
		{"no annotations", nil, sandbox(unmarked), []Edit{{Op: "add", Path: "/metadata/annotations", Value: map[string]string{policies: "deer-flow"}}, user, thread}},
		{"a forged marker", nil, sandbox(annotation(policies, "none")), []Edit{{Op: "add", Path: inPolicies, Value: "deer-flow"}, user, thread}},
		{"an empty marker", nil, sandbox(annotation(policies, "")), []Edit{{Op: "add", Path: inPolicies, Value: "deer-flow"}, user, thread}},
		{"annotations", nil, sandbox(marked, noLabel("user-id", "thread-id"), annotation("user-id", "alice"), annotation("thread-id", "t1")), []Edit{userLabel, threadLabel}},
		{"adopted", nil, unlabelled(alicePlain[:16], marked), []Edit{user, userLabel, thread, threadLabel}},
		{"no labels", nil, unlabelled("", marked, annotation("user-id", "alice"), annotation("thread-id", "t1"), func(pod *corev1.Pod) { pod.Labels = nil }),
			[]Edit{{Op: "add", Path: "/metadata/labels", Value: map[string]string{"user-id": "alice"}}, threadLabel}},
		{"an id that is no label value", nil, sandbox(marked, noLabel("user-id"), annotation("user-id", "-alice"), annotation("thread-id", "t1"), subPath("deer-flow/users/-alice/threads/t1/user-data")), nil},
		{"no thread", hub, sandbox(marked, noLabel("thread-id"), subPath("home/alice")), []Edit{user}},
		{"no labels and no annotations", deerflow(func(p *policy.Policy) { p.Selector = nil }), &corev1.Pod{},
			[]Edit{{Op: "add", Path: "/metadata/annotations", Value: map[string]string{policies: "deer-flow"}}}},
		{"no data and no identity", nil, unlabelled("", marked, volumes(), mountsOf()), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := test.policy
			if p == nil {
				p = deerflow()
			}
			got := Create(policy.Policies{p}, Request{Namespace: "deer-flow", Creator: Creator{Username: "dev"}, Pod: test.pod})
			if got.Verdict != Allowed || len(got.Edits)+len(test.want) > 0 && !reflect.DeepEqual(got.Edits, test.want) {
				t.Errorf("got %s\n%+v\nwant\n%+v", got.Verdict, got.Edits, test.want)
			}
		})
	}
}
