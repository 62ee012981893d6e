package scope

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// Each Pod that is ungoverned has a reason, and no other has.
func TestWhyUngoverned(t *testing.T) {
	plain := func(pod *corev1.Pod) { pod.Spec.Volumes, pod.Spec.Containers[0].VolumeMounts = nil, nil }
	const nothing = "has not the selector's labels, is no provisioner's, and does not mount the claim"
	for _, test := range []struct {
		name, namespace, creator string
		pod                      *corev1.Pod
		want                     string
	}{
		{"another namespace", "default", provisioner, sandbox(), `no policy has the namespace "default"`},
		{"no reason to be governed", "deer-flow", "dev", sandbox(plain, noLabel("app")), nothing},
		{"an exempt creator", "deer-flow", replicaSets, sandbox(noLabel("app")), "mounts the claim, and its creator is in exemptCreators"},
		{"an exempt creator, and no claim", "deer-flow", replicaSets, sandbox(plain, noLabel("app")), nothing},
		{"the labels", "deer-flow", "dev", sandbox(plain), ""},
		{"a provisioner", "deer-flow", provisioner, sandbox(plain, noLabel("app")), ""},
		{"the claim", "deer-flow", "dev", sandbox(noLabel("app")), ""},
		{"a stamp", "deer-flow", "dev", sandbox(plain, noLabel("app"), label(policy.UserStamp, "alice")), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.pod.Annotations = nil // the marker is a reason
			policies := policy.Policies{deerflow()}
			req := Request{Namespace: test.namespace, Creator: Creator{Username: test.creator}, Pod: test.pod}
			got := WhyUngoverned(policies, req)
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
			if ungoverned := Create(policies, req).Verdict == Ungoverned; ungoverned != (got != "") {
				t.Errorf("ungoverned: %t, and the reason is %q", ungoverned, got)
			}
		})
	}
}

// A Pod that only the claim makes a sandbox, such as the gateway's own, is told of exemptCreators.
func TestGovernedForTheClaimAlone(t *testing.T) {
	const exempt = "no user: its creator is not in exemptCreators, and the Pod mounts the claim: list the creator there or, for a sandbox, name the user here"
	for _, test := range []struct {
		name    string
		creator string
		change  func(*corev1.Pod)
		want    string
	}{
		{"the claim alone", "backup", noLabel("app", "user-id", "thread-id"), exempt},
		{"a marker on an exempt creator's", replicaSets, noLabel("app", "user-id", "thread-id"), "no user: set this label to the sandbox's user id or, if the id is no legal label value, an annotation with the same key"},
		{"a provisioner's", provisioner, noLabel("user-id", "thread-id"), "no user: set this label to the sandbox's user id or, if the id is no legal label value, an annotation with the same key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			pod := sandbox(test.change, subPath("backups"))
			decision := Create(policy.Policies{deerflow()}, Request{Namespace: "deer-flow", Creator: Creator{Username: test.creator}, Pod: pod})
			if len(decision.Violations) == 0 || decision.Violations[0].Rule != RuleIdentityMissing || decision.Violations[0].Message != test.want {
				t.Errorf("%+v, want %s", decision.Violations, test.want)
			}
		})
	}
}
