package corpus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var alice = identity{"alice", "thread-1"}

// sandbox is a Pod as the API server stores it, and right for alice if subPath is her directory.
func sandbox(subPath string) object {
	return object{
		"metadata": object{
			"name": "sandbox", "uid": "1", "namespace": "deer-flow",
			"labels": object{"app": "deer-flow-sandbox", "user-id": "alice", "thread-id": "thread-1",
				"userscope.dev/user": "alice", "userscope.dev/thread": "thread-1"},
			"annotations": object{"userscope.dev/policies": "deer-flow", "user-id": "alice", "thread-id": "thread-1",
				"userscope.dev/user": "alice", "userscope.dev/thread": "thread-1"},
		},
		"spec": object{
			"containers": []any{object{
				"name": "sandbox",
				"volumeMounts": []any{
					object{"name": "user-data", "mountPath": "/mnt/user-data", "subPath": subPath},
					object{"name": "skills", "mountPath": "/mnt/skills", "readOnly": true},
				},
			}},
			"volumes": []any{
				object{"name": "user-data", "persistentVolumeClaim": object{"claimName": "deer-flow-home"}},
				object{"name": "skills", "hostPath": object{"path": "/skills"}},
			},
		},
	}
}

// The inspector sees what it is there to see.
func TestCompare(t *testing.T) {
	const right = "deer-flow/users/alice/threads/thread-1/user-data"
	mounts := func(pod object) []object { return list(containers(pod)[0], "volumeMounts") }
	for _, test := range []struct {
		name   string
		tamper func(stored object)
		want   []string
	}{
		{"a Pod that came out right", func(object) {}, nil},
		{"another uid", func(pod object) { child(pod, "metadata")["uid"] = "2" }, nil},
		{"another user's directory", func(pod object) {
			mounts(pod)[0]["subPath"] = "deer-flow/users/bob/threads/thread-1/user-data"
		}, []string{`spec.containers[0].volumeMounts[0].subPath: "deer-flow/users/bob/threads/thread-1/user-data", want "` + right + `"`}},
		{"a subPathExpr that was left", func(pod object) {
			mounts(pod)[0]["subPathExpr"] = "$(X)"
		}, []string{`spec.containers[0].volumeMounts[0].subPathExpr: "$(X)", want nothing`}},
		{"no subPath", func(pod object) {
			delete(mounts(pod)[0], "subPath")
		}, []string{`spec.containers[0].volumeMounts[0].subPath: nothing, want "` + right + `"`}},
		{"a mount that is none of ours", func(pod object) {
			mounts(pod)[1]["readOnly"] = false
		}, []string{`spec.containers[0].volumeMounts[1].readOnly: false, want true`}},
		{"a field that got lost", func(pod object) {
			delete(containers(pod)[0], "name")
		}, []string{`spec.containers[0].name: nothing, want "sandbox"`}},
		{"a mount too many", func(pod object) {
			containers(pod)[0]["volumeMounts"] = append(copies(mounts(pod)), object{"name": "user-data"})
		}, []string{"spec.containers[0].volumeMounts: "}},
		{"a label that is none of ours", func(pod object) {
			child(child(pod, "metadata"), "labels")["team"] = "red"
		}, []string{`metadata.labels.team: "red", want nothing`}},
		{"a mountPath that was left unclean", func(pod object) {
			mounts(pod)[0]["mountPath"] = "/mnt/user-data/"
		}, []string{`spec.containers[0].volumeMounts[0].mountPath: "/mnt/user-data/", want "/mnt/user-data"`}},
		{"another user's stamp", func(pod object) {
			child(child(pod, "metadata"), "annotations")["user-id"] = "bob"
		}, []string{`metadata.annotations.user-id: "bob", want "alice"`}},
		{"a label that got lost", func(pod object) {
			delete(child(child(pod, "metadata"), "labels"), "thread-id")
		}, []string{`metadata.labels.thread-id: nothing, want "thread-1"`}},
		{"an annotation that got lost", func(pod object) {
			delete(child(child(pod, "metadata"), "annotations"), "thread-id")
		}, []string{`metadata.annotations.thread-id: nothing, want "thread-1"`}},
		{"another user's own stamp", func(pod object) {
			child(child(pod, "metadata"), "labels")["userscope.dev/user"] = "bob"
		}, []string{`metadata.labels.userscope.dev/user: "bob", want "alice"`}},
		{"a marker that got lost", func(pod object) {
			delete(child(child(pod, "metadata"), "annotations"), "userscope.dev/policies")
		}, []string{`metadata.annotations.userscope.dev/policies: nothing, want "deer-flow"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			stored := sandbox(right)
			test.tamper(stored)
			got := compare(sandbox("threads/thread-1/user-data"), stored, alice, true)
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
				t.Errorf("got:  %q\nwant: %q", got, test.want)
			}
		})
	}
}

// A hostPath that is to become the claim has to become just that.
func TestCompareHostPath(t *testing.T) {
	plain := sandbox("")
	for _, volume := range list(child(plain, "spec"), "volumes") {
		delete(volume, "persistentVolumeClaim")
		volume["hostPath"] = object{"path": "/threads/thread-1/user-data"}
	}
	right := sandbox("deer-flow/users/alice/threads/thread-1/user-data")
	list(child(right, "spec"), "volumes")[1]["hostPath"] = object{"path": "/threads/thread-1/user-data"}

	if got := compare(plain, right, alice, false); len(got) > 0 {
		t.Errorf("the right Pod: %q", got)
	}
	if got := compare(plain, plain, alice, false); len(got) == 0 {
		t.Error("nothing is wrong with the Pod as it was sent")
	}
}

// An id that is no label value stands in an annotation only.
func TestStampsOfLongIDs(t *testing.T) {
	id := identity{"-alice", "thread-1"}
	pod := sandbox("")
	metadata := child(pod, "metadata")
	metadata["labels"] = object{"thread-id": "thread-1", "userscope.dev/thread": "thread-1"}
	metadata["annotations"] = object{"userscope.dev/policies": "deer-flow", "user-id": "-alice", "thread-id": "thread-1",
		"userscope.dev/user": "-alice", "userscope.dev/thread": "thread-1"}
	if got := stampProblems(pod, id); len(got) > 0 {
		t.Errorf("the right stamps: %q", got)
	}
	child(metadata, "labels")["user-id"] = "alice"
	if got := stampProblems(pod, id); len(got) != 1 {
		t.Errorf("an id that was cut to be a label: %q", got)
	}
}

func TestNothingToJudge(t *testing.T) {
	pod := sandbox("")
	for _, mount := range userDataMounts(pod) {
		mount["name"] = "skills"
	}
	got := compare(pod, pod, alice, true)
	if want := []string{"the Pod has no user-data mount: nothing is judged"}; !slices.Equal(got, want) {
		t.Errorf("got: %q, want: %q", got, want)
	}
}

func TestRefusal(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	refusal := func(rule string) error {
		return apierrors.NewForbidden(pods, "sandbox", errors.New(`admission webhook "pods.userscope.dev" denied the request: userscope: `+rule+": …"))
	}
	invalid := func(rule string) error {
		return apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "sandbox", field.ErrorList{
			field.Forbidden(field.NewPath("metadata"), "userscope: "+rule+": …"),
		})
	}
	for _, test := range []struct {
		name, rule string
		err        error
		want       string // how the problem begins; "": none
	}{
		{"the right one", "user-data-volume", refusal("user-data-volume"), ""},
		{"the right one about an identity", "identity-unproven", invalid("identity-unproven"), ""},
		{"none", "user-data-volume", nil, "it was stored, and had to be refused for user-data-volume"},
		{"for another rule", "user-data-volume", refusal("host-path"), "not refused for user-data-volume"},
		{"for another identity rule", "identity-unproven", invalid("identity-missing"), "not refused for identity-unproven"},
		{"as if about no identity", "identity-unproven", refusal("identity-unproven"), "not refused for identity-unproven"},
		{"a failure", "user-data-volume", apierrors.NewInternalError(errors.New("failed calling webhook")), "not refused for user-data-volume"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := strings.Join(refusalProblems(test.rule, test.err), "\n")
			if test.want == "" && got != "" || !strings.HasPrefix(got, test.want) {
				t.Errorf("got: %q, want: %q", got, test.want)
			}
		})
	}
}

// A mountPath that stands twice is refused by the API server, whatever the webhook says.
func TestTwice(t *testing.T) {
	pods := schema.GroupKind{Kind: "Pod"}
	unique := apierrors.NewInvalid(pods, "sandbox", field.ErrorList{field.Invalid(field.NewPath("spec"), "/mnt/skills", "must be unique")})
	other := apierrors.NewInvalid(pods, "sandbox", field.ErrorList{field.Required(field.NewPath("spec"), "")})
	failure := apierrors.NewInternalError(errors.New("failed calling webhook"))
	for _, test := range []struct {
		name            string
		plain, governed error
		problems        int
	}{
		{"refused by both", unique, unique, 0},
		{"refused by the webhook", unique, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "sandbox", errors.New("userscope: ")), 0},
		{"stored by both", nil, nil, 2},
		{"refused for something else", other, unique, 1},
		{"a failure", unique, failure, 1},
	} {
		if got := twiceProblems(test.plain, test.governed); len(got) != test.problems {
			t.Errorf("%s: %q, want %d problems", test.name, got, test.problems)
		}
	}
	pod := sandbox("a")
	if MountsTwice(pod) {
		t.Error("mounts at two paths are taken for one path twice")
	}
	list(containers(pod)[0], "volumeMounts")[1]["mountPath"] = "/mnt/user-data"
	if !MountsTwice(pod) {
		t.Error("one path twice goes unseen")
	}
}

// A Pod that proves its identity is spoilt in each of the ways that matter, and one that does not
// is only sent.
func TestUnlabelled(t *testing.T) {
	alice := "alice"
	entry := Entry{User: &alice, Thread: "thread-1", SandboxID: "dc977b840cb8638e"}
	pod := sandbox("deer-flow/users/alice/threads/thread-1/user-data")
	list(child(pod, "spec"), "volumes")[1]["hostPath"] = object{"path": "/base/users/alice/skills_view/custom"}
	child(child(pod, "metadata"), "labels")["sandbox-id"] = entry.SandboxID

	var names []string
	for _, v := range unlabelled(pod, entry) {
		spoilt := deepCopy(pod)
		v.change(spoilt, entry.identity())
		changes := differences("", pod, spoilt)
		names = append(names, fmt.Sprintf("%s: %s %d", v.name, v.rule, len(changes)))
	}
	want := []string{
		"unlabelled:  0",
		"unlabelled, another user: identity-unproven 2",
		"unlabelled, another user in path 0: identity-unproven 1",
		"unlabelled, another user in path 1: identity-unproven 1",
		"unlabelled, another thread: identity-unproven 1",
		"unlabelled, digit 0 of the sandbox id wrong: identity-unproven 1",
		"unlabelled, digit 7 of the sandbox id wrong: identity-unproven 1",
		"unlabelled, digit 8 of the sandbox id wrong: identity-unproven 1",
		"unlabelled, digit 15 of the sandbox id wrong: identity-unproven 1",
	}
	if !slices.Equal(names, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}

	entry.SandboxID = "dc977b84"
	if got := unlabelled(pod, entry); len(got) != 1 || got[0].rule != "identity-unproven" {
		t.Errorf("with 8 digits: %+v", got)
	}
	nobodys := sandbox("threads/thread-1/user-data")
	if got := unlabelled(nobodys, entry); len(got) != 1 || got[0].rule != "identity-missing" {
		t.Errorf("without a user: %+v", got)
	}
}

func TestReadIndex(t *testing.T) {
	for _, test := range []struct {
		name, index string
		want        string
	}{
		{"no Pods", `[]`, "index.json lists no Pods"},
		{"no JSON", `nonsense`, "index.json: invalid character"},
		{"no file", `[{"provisioner": "2026-08-10", "mode": "pvc", "thread": "t", "sandboxID": "1"}]`, "index.json: [0].file is missing"},
		{"unknown mode", `[{"file": "a.json", "provisioner": "2026-08-10", "mode": "nfs", "thread": "t", "sandboxID": "1"}]`, `index.json: [0].mode: "nfs" begins neither with pvc nor with hostpath`},
		{"no thread", `[{"file": "a.json", "provisioner": "2026-08-10", "mode": "pvc", "sandboxID": "1"}]`, "thread or sandboxID is missing"},
		{"no sandbox id", `[{"file": "a.json", "provisioner": "2026-08-10", "mode": "pvc", "thread": "t"}]`, "thread or sandboxID is missing"},
		{"no version", `[{"file": "a.json", "mode": "pvc", "thread": "t", "sandboxID": "1"}]`, "provisioner, thread"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, indexFile), []byte(test.index), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadIndex(dir); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got: %v, want: %s", err, test.want)
			}
		})
	}
}
