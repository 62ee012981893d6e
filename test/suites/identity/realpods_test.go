package identity

import (
	"encoding/json"
	"path"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/test/suites/corpus"
	"userscope.dev/userscope/webhook/scope"
)

// TestNobodyIsLockedOut holds every Pod of DeerFlow's to what docs/identity.md promises of the policy that
// ships: where the user data is the claim and the gateway mints 16 digits for a thread, the Pod passes.
// Whatever passes sees its owner's directory, and a second decision changes nothing.
func TestNobodyIsLockedOut(t *testing.T) {
	in, err := differential.DeerFlow()
	if err != nil {
		t.Fatal(err)
	}
	request := oracle.Request{Namespace: controlplane.Namespace, Username: controlplane.Provisioner}
	promised := 0
	for _, folder := range append([]string{ownPods}, corpus.RealFolders()...) {
		for _, sent := range readFolder(t, folder) {
			outcome, err := in.Create(request, sent.content)
			if err != nil {
				t.Fatalf("%s: %v", sent.File, err)
			}
			for _, problem := range outcome.Problems {
				t.Errorf("%s: %s", sent.File, problem)
			}
			if sent.Claimed() && sent.HasThread() && sent.Proved() {
				promised++
				if outcome.Decision.Verdict != scope.Allowed {
					t.Errorf("%s is %s: %v", sent.File, outcome.Decision.Verdict, outcome.Decision.Violations)
				}
			}
			if outcome.Final != nil {
				showsOwn(t, sent, outcome.Final)
			}
		}
	}
	if promised < 5 {
		t.Errorf("only %d Pods have what is promised", promised)
	}
}

// showsOwn holds the user data of a Pod that passed to its owner's directory.
func showsOwn(t *testing.T, sent sentPod, final []byte) {
	t.Helper()
	var pod corev1.Pod
	if err := json.Unmarshal(final, &pod); err != nil {
		t.Fatal(err)
	}
	mounted := false
	for _, mount := range pod.Spec.Containers[0].VolumeMounts {
		if path.Clean(mount.MountPath) == "/mnt/user-data" {
			mounted = true
			if mount.SubPath != sent.UserData() {
				t.Errorf("%s shows %s, and its owner's is %s", sent.File, mount.SubPath, sent.UserData())
			}
		}
	}
	if !mounted {
		t.Errorf("%s has no user data", sent.File)
	}
}
