package scope

import (
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestUpdate(t *testing.T) {
	const (
		fixed   = "marks the Pod as the sandbox of its user, and cannot be added, changed or removed: create a new Pod instead"
		adopted = "would make a sandbox of a Pod that was not created as one: create a new Pod instead"
	)
	label := func(key, value string) []Violation {
		return []Violation{{RuleImmutableField, "metadata.labels[" + key + "]", value, fixed}}
	}
	inAnnotation := func(key, value string) []Violation {
		return []Violation{{RuleImmutableField, "metadata.annotations[" + key + "]", value, fixed}}
	}
	unmarked := func(tweaks ...func(*corev1.Pod)) *corev1.Pod {
		pod := sandbox(noLabel("app"))
		pod.Annotations = map[string]string{"a": "b"}
		for _, tweak := range tweaks {
			tweak(pod)
		}
		return pod
	}
	setLabel := func(key, value string) func(*corev1.Pod) { return func(pod *corev1.Pod) { pod.Labels[key] = value } }
	hub := deerflow(func(p *policy.Policy) { p.Layout = policy.Layout{UserData: template("home/{user}")} })

	sized := deerflow(func(p *policy.Policy) {
		p.Selector = append(p.Selector, policy.Requirement{Key: "size", Values: []string{"l", "s"}}, policy.Requirement{Key: "zone"})
	})
	small := func(tweaks ...func(*corev1.Pod)) *corev1.Pod {
		return sandbox(append([]func(*corev1.Pod){setLabel("size", "s"), setLabel("zone", "a")}, tweaks...)...)
	}

	tests := []struct {
		name      string
		policy    *policy.Policy
		namespace string
		old, pod  *corev1.Pod
		verdict   Verdict
		want      []Violation
	}{
		{name: "nothing", old: sandbox(), pod: sandbox(), verdict: Allowed},
		{name: "another label", old: sandbox(), pod: sandbox(setLabel("x", "y")), verdict: Allowed},
		{name: "finalizers", old: sandbox(), pod: sandbox(func(pod *corev1.Pod) { pod.Finalizers = []string{"x/y"} }), verdict: Allowed},
		{name: "the user", old: sandbox(), pod: sandbox(setLabel("user-id", "bob")), verdict: Refused, want: label("user-id", "bob")},
		{name: "the thread", old: sandbox(), pod: sandbox(setLabel("thread-id", "t2")), verdict: Refused, want: label("thread-id", "t2")},
		{name: "no user any more", old: sandbox(), pod: sandbox(noLabel("user-id")), verdict: Refused, want: label("user-id", "")},
		{name: "a user for the first time", old: sandbox(noLabel("user-id")), pod: sandbox(setLabel("user-id", "")), verdict: Refused, want: label("user-id", "")},
		{name: "a user annotation", old: sandbox(), pod: sandbox(annotation("user-id", "bob")), verdict: Refused, want: inAnnotation("user-id", "bob")},
		{name: "a thread annotation", old: sandbox(annotation("thread-id", "t1")), pod: sandbox(), verdict: Refused, want: inAnnotation("thread-id", "")},
		{name: "a stamp", old: sandbox(stamped("alice", "")), pod: sandbox(stamped("alice", ""), setLabel(policy.UserStamp, "bob")), verdict: Refused, want: label(policy.UserStamp, "bob")},
		{name: "a stamped thread", old: sandbox(), pod: sandbox(annotation(policy.ThreadStamp, "t1")), verdict: Refused, want: inAnnotation(policy.ThreadStamp, "t1")},
		{name: "the sandbox id", old: sandbox(setLabel("sandbox-id", "1")), pod: sandbox(setLabel("sandbox-id", "2")), verdict: Refused, want: label("sandbox-id", "2")},
		{name: "the selector's label", old: sandbox(), pod: sandbox(setLabel("app", "gateway")), verdict: Refused, want: label("app", "gateway")},
		{name: "another of the selector's values", policy: sized, old: small(), pod: small(setLabel("size", "l"), setLabel("zone", "")), verdict: Allowed},
		{name: "a value that the selector does not have", policy: sized, old: small(), pod: small(setLabel("size", "m")), verdict: Refused, want: label("size", "m")},
		{name: "a label that the selector wants", policy: sized, old: small(), pod: small(noLabel("zone")), verdict: Refused, want: label("zone", "")},
		{name: "the last of the selector's labels", policy: sized, old: small(noLabel("zone")), pod: small(), verdict: Refused, want: label("zone", "a")},
		{name: "one of the selector's labels of several that are missing", policy: sized, old: small(noLabel("size", "zone")), pod: small(noLabel("zone")), verdict: Allowed},
		{name: "the marker", old: sandbox(), pod: sandbox(annotation(policy.MarkerAnnotation, "x")), verdict: Refused, want: inAnnotation(policy.MarkerAnnotation, "x")},
		{name: "no marker any more", old: sandbox(), pod: sandbox(func(pod *corev1.Pod) { pod.Annotations = nil }), verdict: Refused, want: inAnnotation(policy.MarkerAnnotation, "")},
		{name: "a thread that the layout does not know", policy: hub, old: sandbox(), pod: sandbox(setLabel("thread-id", "t2")), verdict: Allowed},
		{name: "another namespace", namespace: "default", old: sandbox(), pod: sandbox(setLabel("user-id", "bob")), verdict: Ungoverned},
		{name: "a Pod that was never judged", old: unmarked(), pod: unmarked(setLabel("user-id", "bob")), verdict: Ungoverned},
		{name: "a Pod older than the installation", old: unmarked(setLabel("app", "deer-flow-sandbox")), pod: unmarked(setLabel("app", "deer-flow-sandbox"), setLabel("x", "y")), verdict: Ungoverned},
		{name: "a marker for a Pod that was never judged", old: unmarked(), pod: unmarked(annotation(policy.MarkerAnnotation, "deer-flow")), verdict: Refused,
			want: []Violation{{RuleImmutableField, "metadata.annotations[userscope.dev/policies]", "deer-flow", adopted}}},
		{name: "stamps for a Pod that was never judged", old: unmarked(annotation(policy.UserStamp, "alice")), pod: unmarked(stamped("bob", "t1")), verdict: Refused,
			want: []Violation{{RuleImmutableField, "metadata.annotations[userscope.dev/user]", "bob", adopted}, {RuleImmutableField, "metadata.annotations[userscope.dev/thread]", "t1", adopted},
				{RuleImmutableField, "metadata.labels[userscope.dev/user]", "bob", adopted}, {RuleImmutableField, "metadata.labels[userscope.dev/thread]", "t1", adopted}}},
		{name: "stamps that a Pod has which was never judged", old: unmarked(stamped("bob", "t1")), pod: unmarked(annotation(policy.UserStamp, "bob")), verdict: Ungoverned},
		{name: "the selector's labels for a Pod that was never judged", old: unmarked(), pod: unmarked(setLabel("app", "deer-flow-sandbox")), verdict: Refused,
			want: []Violation{{RuleImmutableField, "metadata.labels", "app=deer-flow-sandbox", adopted}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, namespace := test.policy, test.namespace
			if p == nil {
				p = deerflow()
			}
			if namespace == "" {
				namespace = "deer-flow"
			}
			sent := test.pod.DeepCopy()
			got := Update(policy.Policies{p}, Request{Namespace: namespace, Pod: test.pod}, test.old)
			if got.Verdict != test.verdict || !slices.Equal(got.Violations, test.want) || len(got.Edits) > 0 {
				t.Errorf("got  %+v\nwant %s %+v", got, test.verdict, test.want)
			}
			if !reflect.DeepEqual(sent, test.pod) {
				t.Error("the decision changed the Pod")
			}
		})
	}
}

// TestGivenIdentity has updates make a warm sandbox somebody's.
func TestGivenIdentity(t *testing.T) {
	warm := func(tweaks ...func(*corev1.Pod)) *corev1.Pod {
		pod := sandbox(noLabel("user-id", "thread-id"), volumes(), mountsOf())
		for _, tweak := range tweaks {
			tweak(pod)
		}
		return pod
	}
	alices := func(tweaks ...func(*corev1.Pod)) *corev1.Pod {
		return warm(append([]func(*corev1.Pod){label("user-id", "alice"), label("thread-id", "t1")}, tweaks...)...)
	}
	always := deerflow(func(p *policy.Policy) { p.Proof = policy.ProofAlways })
	mounts := deerflow(func(p *policy.Policy) { p.IdentityFrom = []policy.IdentitySource{policy.FromMounts} })
	onNode := addVolume(hostPathVolume("node", "/base/users/alice/skills"))
	unread := addVolume(hostPathVolume("node", "/base/shared/tools"))
	for _, test := range []struct {
		name     string
		policy   *policy.Policy
		creator  string
		old, pod *corev1.Pod
		want     []Rule // of the refusal; none for a Pod that passes
	}{
		{name: "by labels", old: warm(), pod: alices()},
		{name: "by annotations", old: warm(), pod: warm(annotation("user-id", "-alice"), annotation("thread-id", "t1"))},
		{name: "with what all share", old: warm(unread), pod: alices(unread)},
		{name: "with stamps that say the same", old: warm(), pod: alices(stamped("alice", "t1"))},
		{name: "with a sandbox id", old: warm(), pod: alices(label("sandbox-id", alicePlain[:16]))},
		{name: "with the sandbox id that it has", old: warm(label("sandbox-id", alicePlain[:16])), pod: alices(label("sandbox-id", alicePlain[:16]))},
		{name: "proved", policy: always, old: warm(), pod: alices(label("sandbox-id", alicePlain[:16]))},
		{name: "not proved", policy: always, old: warm(), pod: alices(), want: []Rule{RuleIdentityUnproven}},
		{name: "contradicted by its sandbox id", old: warm(label("sandbox-id", "0123456789abcdef")), pod: alices(label("sandbox-id", "0123456789abcdef")), want: []Rule{RuleIdentityUnproven}},
		{name: "another sandbox id", old: warm(label("sandbox-id", "x")), pod: alices(label("sandbox-id", alicePlain[:16])), want: []Rule{RuleImmutableField}},
		{name: "by somebody else", creator: "dev", old: warm(), pod: alices(), want: []Rule{RuleImmutableField}},
		{name: "a second time", old: alices(), pod: alices(label("user-id", "bob")), want: []Rule{RuleImmutableField}},
		{name: "the other half later", old: warm(label("user-id", "alice")), pod: alices(), want: []Rule{RuleImmutableField}},
		{name: "half of it", old: warm(), pod: warm(label("user-id", "alice")), want: []Rule{RuleIdentityMissing}},
		{name: "an illegal user", old: warm(), pod: alices(label("user-id", "a.b")), want: []Rule{RuleIdentityInvalid}},
		{name: "two users", old: warm(), pod: alices(annotation("user-id", "bob")), want: []Rule{RuleIdentityConflict}},
		{name: "stamps alone", old: warm(), pod: warm(stamped("alice", "t1")), want: []Rule{RuleIdentityMissing}},
		{name: "stamps of another", old: warm(), pod: alices(stamped("bob", "t1")), want: []Rule{RuleImmutableField}},
		{name: "stamps later", old: alices(), pod: alices(stamped("alice", "t1")), want: []Rule{RuleImmutableField}},
		{name: "a sandbox id alone", old: warm(), pod: warm(label("sandbox-id", "x")), want: []Rule{RuleImmutableField}},
		{name: "another selector's label", old: warm(), pod: alices(label("app", "gateway")), want: []Rule{RuleImmutableField}},
		{name: "without the marker", old: warm(), pod: alices(func(pod *corev1.Pod) { pod.Annotations = nil }), want: []Rule{RuleImmutableField}},
		{name: "a Pod that was not judged", old: warm(func(pod *corev1.Pod) { pod.Annotations = nil }), pod: alices(func(pod *corev1.Pod) { pod.Annotations = nil })},
		{name: "a Pod with the claim", old: warm(addVolume(claimVolume("x", "deer-flow-home"))), pod: alices(addVolume(claimVolume("x", "deer-flow-home"))), want: []Rule{RuleImmutableField}},
		{name: "a Pod with a user's directory of the node", old: warm(onNode), pod: alices(onNode), want: []Rule{RuleImmutableField}},
		{name: "labels that nobody reads", policy: mounts, old: warm(), pod: alices()},
		{name: "stamps where only mounts are read", policy: mounts, old: warm(), pod: warm(stamped("alice", "t1")), want: []Rule{RuleIdentityMissing}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, creator := test.policy, test.creator
			if p == nil {
				p = deerflow()
			}
			if creator == "" {
				creator = provisioner
			}
			got := Update(policy.Policies{p}, Request{Namespace: "deer-flow", Creator: Creator{Username: creator}, Pod: test.pod}, test.old)
			var rules []Rule
			for _, v := range got.Violations {
				rules = append(rules, v.Rule)
			}
			if !slices.Equal(slices.Compact(rules), test.want) || len(got.Edits) > 0 {
				t.Errorf("got %+v, want %v", got, test.want)
			}
		})
	}
}
