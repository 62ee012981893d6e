package corpus

import (
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"userscope.dev/userscope/test/kit/controlplane"
)

// aliceT1 is the first digits of SHA-256 of alice:t1.
const aliceT1 = "b076b51a7d6fe4e2"

// Declared ids, and what becomes of a sandbox that carries them.
func TestDeclaredIdentities(t *testing.T) {
	type ids = map[string]any
	label := func(user, thread string) object { return object{"labels": ids{userKey: user, threadKey: thread}} }
	annotation := func(user, thread string) object {
		return object{"annotations": ids{userKey: user, threadKey: thread}}
	}
	long := func(n int) string { return strings.Repeat("x", n) }

	for _, test := range []struct {
		name     string
		metadata object
		subPath  string // of the stored Pod, or
		rule     string // of the refusal
	}{
		{"labels", label("alice", "t1"), "deer-flow/users/alice/threads/t1/user-data", ""},
		{"annotations", annotation("alice", "t1"), "deer-flow/users/alice/threads/t1/user-data", ""},
		{"ids that are no label values", annotation("-alice_", "_t1-"), "deer-flow/users/-alice_/threads/_t1-/user-data", ""},
		{"upper case", label("Alice", "T1"), "deer-flow/users/Alice/threads/T1/user-data", ""},
		{"the longest thread", annotation("alice", long(64)), "deer-flow/users/alice/threads/" + long(64) + "/user-data", ""},
		{"a thread too long", annotation("alice", long(65)), "", "identity-invalid"},
		{"the longest user", annotation(long(255), "t1"), "deer-flow/users/" + long(255) + "/threads/t1/user-data", ""},
		{"a user too long", annotation(long(256), "t1"), "", "identity-invalid"},
		{"the parent directory as label", label("..", "t1"), "", "identity-invalid"},
		{"the parent directory as annotation", annotation("..", "t1"), "", "identity-invalid"},
		{"the same directory", annotation("alice", "."), "", "identity-invalid"},
		{"two directories", annotation("a/b", "t1"), "", "identity-invalid"},
		{"a way out", annotation("../bob", "t1"), "", "identity-invalid"},
		{"a label value that is no id", label("a.b", "t1"), "", "identity-invalid"},
		{"an empty user", label("", "t1"), "", "identity-invalid"},
		{"an empty thread", annotation("alice", ""), "", "identity-invalid"},
		{"a space", annotation("alice ", "t1"), "", "identity-invalid"},
		{"a line break", annotation("alice\n", "t1"), "", "identity-invalid"},
		{"a letter beyond ASCII", annotation("älice", "t1"), "", "identity-invalid"},
		{"a letter that looks like ASCII", annotation("аlice", "t1"), "", "identity-invalid"},
		{"a variable", annotation("$(USER)", "t1"), "", "identity-invalid"},
		{"a placeholder", annotation("{user}", "t1"), "", "identity-invalid"},
		{"no user", object{"labels": ids{threadKey: "t1"}}, "", "identity-missing"},
		{"no user but for a mount's thread", object{}, "", "identity-missing"},
		{"a user, and a thread that only a mount names", object{"labels": ids{userKey: "alice"}}, "", "identity-unproven"},
		{"another user's sandbox id", object{"labels": ids{
			userKey: "bob", threadKey: "t1", sandboxIDKey: aliceT1,
		}}, "", "identity-unproven"},
		{"another thread's sandbox id", object{"labels": ids{
			userKey: "alice", threadKey: "t2", sandboxIDKey: aliceT1,
		}}, "", "identity-unproven"},
		{"her own sandbox id", object{"labels": ids{
			userKey: "alice", threadKey: "t1", sandboxIDKey: aliceT1,
		}}, "deer-flow/users/alice/threads/t1/user-data", ""},
		{"forged stamps against the sandbox id", object{
			"labels":      ids{sandboxIDKey: aliceT1},
			"annotations": ids{userKey: "bob", threadKey: "t1", marker: policyName},
		}, "", "identity-unproven"},
		{"a forged stamp against the label", object{
			"labels":      ids{userKey: "alice", threadKey: "t1", sandboxIDKey: aliceT1},
			"annotations": ids{userKey: "bob", marker: policyName},
		}, "", "identity-conflict"},
		{"both alike", object{
			"labels": ids{userKey: "alice", threadKey: "t1"}, "annotations": ids{userKey: "alice"},
		}, "deer-flow/users/alice/threads/t1/user-data", ""},
		{"both, and they differ", object{
			"labels": ids{userKey: "alice", threadKey: "t1"}, "annotations": ids{userKey: "bob"},
		}, "", "identity-conflict"},
		{"a fine label beside a hostile annotation", object{
			"labels": ids{userKey: "alice", threadKey: "t1"}, "annotations": ids{userKey: "../bob"},
		}, "", "identity-invalid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			stored, err := create(t, test.metadata)
			if test.rule != "" {
				if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "userscope: "+test.rule+": ") {
					t.Errorf("not refused as invalid for %s, but: %v", test.rule, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			mounts := userDataMounts(stored)
			if len(mounts) != 1 || mounts[0]["subPath"] != test.subPath {
				t.Errorf("stored: %v, want one mount of %s", mounts, test.subPath)
			}
		})
	}
}

// create creates, as the provisioner and for a try, a sandbox with more metadata.
func create(t *testing.T, metadata object) (object, error) {
	t.Helper()
	var pod object
	if err := readJSON(filepath.Join("testdata", "claim_thread-only.json"), &pod); err != nil {
		t.Fatal(err)
	}
	for kind, keys := range metadata {
		for key, value := range keys.(object) {
			child(child(pod, "metadata"), kind)[key] = value
		}
	}
	client, err := dynamic.NewForConfig(cluster.Config(controlplane.Provisioner))
	if err != nil {
		t.Fatal(err)
	}
	created, err := client.Resource(corev1.SchemeGroupVersion.WithResource("pods")).Namespace(controlplane.Namespace).
		Create(t.Context(), &unstructured.Unstructured{Object: pod}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return nil, err
	}
	return created.Object, nil
}
