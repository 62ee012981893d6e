package scope

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestStamps(t *testing.T) {
	const policies, inPolicies = "userscope.dev/policies", "/metadata/annotations/userscope.dev~1policies"
	stamps := []Edit{
		{Op: "add", Path: "/metadata/annotations/userscope.dev~1user", Value: "alice"},
		{Op: "add", Path: "/metadata/labels/userscope.dev~1user", Value: "alice"},
		{Op: "add", Path: "/metadata/annotations/userscope.dev~1thread", Value: "t1"},
		{Op: "add", Path: "/metadata/labels/userscope.dev~1thread", Value: "t1"},
	}
	with := func(edits ...Edit) []Edit { return append(edits, stamps...) }
	marked, judged := annotation(policies, "deer-flow"), stamped("alice", "t1")
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
		{"everything there", nil, sandbox(marked, annotation("user-id", "alice"), annotation("thread-id", "t1"), judged), nil},
		{"labels", nil, sandbox(marked), with(user, thread)},
		{"the platform's keys alone are missing", nil, unlabelled(alicePlain[:16], marked, judged), []Edit{user, userLabel, thread, threadLabel}},
		{"no annotations", nil, sandbox(unmarked), with(Edit{Op: "add", Path: "/metadata/annotations", Value: map[string]string{policies: "deer-flow"}}, user, thread)},
		{"a forged marker", nil, sandbox(annotation(policies, "none")), with(Edit{Op: "add", Path: inPolicies, Value: "deer-flow"}, user, thread)},
		{"an empty marker", nil, sandbox(annotation(policies, "")), with(Edit{Op: "add", Path: inPolicies, Value: "deer-flow"}, user, thread)},
		{"annotations", nil, sandbox(marked, noLabel("user-id", "thread-id"), annotation("user-id", "alice"), annotation("thread-id", "t1")), with(userLabel, threadLabel)},
		{"adopted", nil, unlabelled(alicePlain[:16], marked), with(user, userLabel, thread, threadLabel)},
		{"no labels", nil, unlabelled("", marked, annotation("user-id", "alice"), annotation("thread-id", "t1"), func(pod *corev1.Pod) { pod.Labels = nil }),
			with(Edit{Op: "add", Path: "/metadata/labels", Value: map[string]string{"user-id": "alice"}}, threadLabel)},
		{"an id that is no label value", nil,
			sandbox(marked, noLabel("user-id"), annotation("user-id", "-alice"), annotation("thread-id", "t1"), subPath("deer-flow/users/-alice/threads/t1/user-data")),
			[]Edit{{Op: "add", Path: "/metadata/annotations/userscope.dev~1user", Value: "-alice"}, stamps[2], stamps[3]}},
		{"no thread", hub, sandbox(marked, noLabel("thread-id"), subPath("home/alice")), append([]Edit{user}, stamps[:2]...)},
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

// TestForgedStamps has new Pods arrive with stamps of another identity, or with stamps where there is none. A
// stamp declares nothing, and says nothing wrong afterwards.
func TestForgedStamps(t *testing.T) {
	const inAnnotations, inLabels = "/metadata/annotations/userscope.dev~1", "/metadata/labels/userscope.dev~1"
	replaced := func(path, value, where, forged string) Edit {
		return Edit{Op: "add", Path: path, Value: value, Warning: "metadata." + where + `: "` + forged + `" is now "` + value + `"`}
	}
	removed := func(path, where, forged string) Edit {
		return Edit{Op: "remove", Path: path, Warning: "metadata." + where + `: "` + forged + `" is removed: the Pod is not of that identity`}
	}
	declared := []func(*corev1.Pod){annotation("user-id", "alice"), annotation("thread-id", "t1"), stamped("bob", "t1")}
	hub := deerflow(func(p *policy.Policy) {
		p.Layout, p.Proof = policy.Layout{UserData: template("home/{user}")}, policy.ProofNever
	})
	tests := []struct {
		name   string
		policy *policy.Policy
		pod    *corev1.Pod
		want   []Edit
	}{
		{"of another user", deerflow(), sandbox(declared...), []Edit{
			replaced(inAnnotations+"user", "alice", "annotations[userscope.dev/user]", "bob"),
			replaced(inLabels+"user", "alice", "labels[userscope.dev/user]", "bob"),
		}},
		{"of a user whose id is no label value", deerflow(),
			sandbox(append(declared, noLabel("user-id"), annotation("user-id", "-alice"), subPath("deer-flow/users/-alice/threads/t1/user-data"))...), []Edit{
				replaced(inAnnotations+"user", "-alice", "annotations[userscope.dev/user]", "bob"),
				removed(inLabels+"user", "labels[userscope.dev/user]", "bob"),
			}},
		{"of a thread where there are none", hub, sandbox(noLabel("thread-id"), annotation("user-id", "alice"), subPath("home/alice"), stamped("alice", "t1")), []Edit{
			removed(inAnnotations+"thread", "annotations[userscope.dev/thread]", "t1"),
			removed(inLabels+"thread", "labels[userscope.dev/thread]", "t1"),
		}},
		{"of a Pod without data", deerflow(), unlabelled("", volumes(), mountsOf(), stamped("bob", "")), []Edit{
			removed(inAnnotations+"user", "annotations[userscope.dev/user]", "bob"),
			removed(inLabels+"user", "labels[userscope.dev/user]", "bob"),
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Create(policy.Policies{test.policy}, Request{Namespace: "deer-flow", Creator: Creator{Username: "dev"}, Pod: test.pod})
			if got.Verdict != Rewritten || !reflect.DeepEqual(got.Edits, test.want) {
				t.Errorf("got %s\n%+v\nwant\n%+v", got.Verdict, got.Edits, test.want)
			}
		})
	}
}
