package scope

import (
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestTwoPolicies(t *testing.T) {
	home := deerflow(func(p *policy.Policy) {
		p.Name, p.Claim, p.UserDataVolume, p.UserDataMountPath = "home", "home", "home", "/home"
		p.Layout = policy.Layout{UserData: template("{user}")}
	})
	policies := policy.Policies{deerflow(), home}
	pod := sandbox(annotation(policy.MarkerAnnotation, "deer-flow,home"), addVolume(claimVolume("home", "home")), addMount(corev1.VolumeMount{Name: "home", MountPath: "/home", SubPath: "bob"}))

	got := Create(policies, Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod})
	if want := setTo("/spec/containers/0/volumeMounts/1/subPath", "bob", "alice", "spec.containers[0].volumeMounts[1].subPath")[0]; !reflect.DeepEqual(got.Edits[0], want) {
		t.Errorf("first edit %+v, want %+v", got.Edits[0], want)
	}

	delete(pod.Labels, "user-id")
	pod.Spec.Containers[0].VolumeMounts = nil
	got = Create(policies, Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod})
	if len(got.Violations) != 1 || got.Violations[0].Rule != RuleIdentityMissing {
		t.Errorf("both policies miss the same user, which is one violation: %+v", got.Violations)
	}
}

// A volume that drew one policy in and was replaced by another leaves the Pod to the other alone.
func TestReplacedVolumesDrawNobodyIn(t *testing.T) {
	home := deerflow(func(p *policy.Policy) {
		p.Name, p.Claim, p.UserDataVolume, p.UserDataMountPath = "home", "home", "tmp", "/home"
	})
	both := ephemeral(corev1.PersistentVolumeClaimSpec{DataSource: &corev1.TypedLocalObjectReference{Name: "x"}})
	both.HostPath = &corev1.HostPathVolumeSource{Path: "/x"}
	pod := sandbox(noLabel("app"), mountsOf(), volumes(both))
	pod.Annotations = map[string]string{"note": "x"} // and no marker, by which both would govern
	got := Create(policy.Policies{deerflow(), home}, Request{Namespace: "deer-flow", Creator: Creator{Username: "dev"}, Pod: pod})
	if want := (Edit{Op: "add", Path: "/metadata/annotations/userscope.dev~1policies", Value: "home"}); got.Verdict != Rewritten || !reflect.DeepEqual(got.Edits[1], want) {
		t.Errorf("got %+v", got)
	}
}

// A Pod that has only data of a policy without threads needs none, also where another policy that
// knows threads governs it.
func TestThreadsAreForThosePoliciesWhoseDataThePodHas(t *testing.T) {
	home := deerflow(func(p *policy.Policy) {
		p.Name, p.Claim, p.UserDataVolume, p.UserDataMountPath = "home", "home", "home", "/home"
		p.Layout = policy.Layout{UserData: template("{user}")}
	})
	request := Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}}
	request.Pod = sandbox(noLabel("thread-id"), volumes(claimVolume("home", "home")), mountsOf(corev1.VolumeMount{Name: "home", MountPath: "/home", SubPath: "alice"}))
	if got := Create(policy.Policies{deerflow(), home}, request); got.Verdict != Allowed || got.Identity.String() != "alice" {
		t.Errorf("data of the policy without threads: %+v", got)
	}
	addVolume(claimVolume("user-data", "deer-flow-home"))(request.Pod)
	if got := Create(policy.Policies{deerflow(), home}, request); got.Verdict != Refused || got.Violations[0].Rule != RuleIdentityMissing {
		t.Errorf("data of both: %+v", got)
	}
	request.Pod = sandbox(noLabel("thread-id"), volumes(), mountsOf())
	if got := Create(policy.Policies{deerflow(), home}, request); got.Verdict != Refused || got.Violations[0].Rule != RuleIdentityMissing {
		t.Errorf("half a declaration and no data: %+v", got)
	}
}

// TestAdoptedUnderEveryPolicy adopts from one claim an id that another claim's filesystem takes for
// another user's.
func TestAdoptedUnderEveryPolicy(t *testing.T) {
	other := deerflow(func(p *policy.Policy) {
		p.Name, p.Claim, p.UserDataVolume, p.UserDataMountPath, p.User.LowerCase = "other", "other", "other", "/mnt/other", true
	})
	digest := policy.SandboxID("Alice:t1", nil)[:16]
	pod := unlabelled(digest, subPath("deer-flow/users/Alice/threads/t1/user-data"), addVolume(claimVolume("other", "other")),
		addMount(corev1.VolumeMount{Name: "other", MountPath: "/mnt/other", SubPath: "x"}))
	got := Create(policy.Policies{deerflow(), other}, Request{Namespace: "deer-flow", Pod: pod})
	if len(got.Violations) != 1 || got.Violations[0].Rule != RuleIdentityInvalid {
		t.Errorf("got %+v", got)
	}
}

// TestDeclaredUnderEveryPolicy declares ids that are legal under the first policy only, or under the
// second only.
func TestDeclaredUnderEveryPolicy(t *testing.T) {
	other := deerflow(func(p *policy.Policy) {
		p.Name, p.Claim, p.UserDataVolume, p.UserDataMountPath = "other", "other", "other", "/mnt/other"
		p.User.LowerCase, p.Thread.LowerCase = true, true
	})
	invalid := func(where, value, noun string) []Violation {
		return []Violation{{RuleIdentityInvalid, "metadata." + where, value,
			"has upper-case letters, which the policy's filesystem cannot tell from lower-case ones: set it to the " + noun + " id that the data belongs to"}}
	}
	tests := []struct {
		name string
		pod  *corev1.Pod
		want []Violation
	}{
		{"a legal user and thread", sandbox(), nil},
		{"a user label", sandbox(label("user-id", "Alice")), invalid("labels[user-id]", "Alice", "user")},
		{"a user annotation", sandbox(noLabel("user-id"), annotation("user-id", "Alice")), invalid("annotations[user-id]", "Alice", "user")},
		{"a thread label", sandbox(label("thread-id", "T1")), invalid("labels[thread-id]", "T1", "thread")},
		{"a thread annotation", sandbox(noLabel("thread-id"), annotation("thread-id", "T1")), invalid("annotations[thread-id]", "T1", "thread")},
	}
	for _, test := range tests {
		for order, policies := range map[string]policy.Policies{"first": {other, deerflow()}, "second": {deerflow(), other}} {
			t.Run(test.name+"/"+order, func(t *testing.T) {
				got := Create(policies, Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: test.pod})
				if !slices.Equal(got.Violations, test.want) {
					t.Errorf("got  %+v\nwant %+v", got.Violations, test.want)
				}
			})
		}
	}
}

// A policy without threads has no say in which threads are legal.
func TestThreadsOfOnePolicyOnly(t *testing.T) {
	threadless := deerflow(func(p *policy.Policy) {
		p.Name, p.Claim, p.UserDataVolume, p.UserDataMountPath = "other", "other", "other", "/mnt/other"
		p.User.LowerCase, p.Thread.LowerCase = true, true
		p.Layout = policy.Layout{UserData: template("home/{user}")}
		p.HostPathBases = nil
	})
	pod := sandbox(label("thread-id", "T1"), subPath("deer-flow/users/alice/threads/T1/user-data"))
	for order, policies := range map[string]policy.Policies{"first": {threadless, deerflow()}, "second": {deerflow(), threadless}} {
		got := Create(policies, Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod})
		if len(got.Violations) > 0 || got.Identity.Thread != "T1" {
			t.Errorf("threadless %s: %+v", order, got)
		}
	}
}

// Policies with and without threads share a namespace and one sandbox id, which proves just the ids that the Pod
// has: those of the thread, or of the user alone.
func TestProofsWithAndWithoutThreads(t *testing.T) {
	home := deerflow(func(p *policy.Policy) {
		p.Name, p.Claim, p.UserDataVolume, p.UserDataMountPath = "home", "home", "home", "/home"
		p.Layout, p.ProofOf = policy.Layout{UserData: template("{user}")}, []policy.ProofText{policy.DefaultProofText(false)}
	})
	homes := func(pod *corev1.Pod) {
		addVolume(claimVolume("home", "home"))(pod)
		addMount(corev1.VolumeMount{Name: "home", MountPath: "/home", SubPath: "alice"})(pod)
	}
	onlyHome := func(pod *corev1.Pod) {
		volumes()(pod)
		mountsOf()(pod)
		homes(pod)
	}
	for _, test := range []struct {
		name   string
		hashed string
		data   func(*corev1.Pod)
		want   Verdict
	}{
		{"data of both, by the thread", "alice:t1", homes, Allowed},
		{"data of both, by the user alone", "alice", homes, Refused},
		{"data without threads, by the user alone", "alice", onlyHome, Allowed},
		{"data without threads, by some thread", "alice:t1", onlyHome, Refused},
		{"data without threads, by another user", "bob", onlyHome, Refused},
	} {
		t.Run(test.name, func(t *testing.T) {
			pod := unlabelled(policy.SandboxID(test.hashed, nil)[:16], test.data)
			for _, policies := range []policy.Policies{{deerflow(), home}, {home, deerflow()}} {
				if got := Create(policies, Request{Namespace: "deer-flow", Creator: Creator{Username: provisioner}, Pod: pod}); got.Verdict != test.want {
					t.Errorf("got %+v, want %s", got, test.want)
				}
			}
		})
	}
}
