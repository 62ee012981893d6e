package judge

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var alice = identity{"alice", "thread-1"}

// sandbox is a Pod as the API server stores it, and right for alice if subPath is her directory.
func sandbox(subPath string) object {
	return object{
		"metadata": object{
			"name": "sandbox", "uid": "1", "namespace": "deer-flow",
			"labels": object{"app": "deer-flow-sandbox", "user-id": "alice", "thread-id": "thread-1"},
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

// The judge sees what it is there to see.
func TestCompare(t *testing.T) {
	const right = "deer-flow/users/alice/threads/thread-1/user-data"
	mounts := func(pod object) []object { return list(containers(pod)[0], "volumeMounts") }
	for _, test := range []struct {
		name   string
		tamper func(stored object)
		want   []string
	}{
		{"a Pod that came out right", func(object) {}, nil},
		{"other stamps of ours", func(pod object) {
			child(child(pod, "metadata"), "annotations")["userscope.dev/sandbox"] = "true"
		}, nil},
		{"the identity as an annotation too", func(pod object) {
			child(child(pod, "metadata"), "annotations")["user-id"] = "alice"
		}, nil},
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
		{"another user's stamp", func(pod object) {
			child(child(pod, "metadata"), "annotations")["user-id"] = "bob"
		}, []string{`metadata.annotations.user-id: "bob", want "alice"`}},
		{"an identity that got lost", func(pod object) {
			delete(child(child(pod, "metadata"), "labels"), "thread-id")
		}, []string{"neither label nor annotation has the key thread-id"}},
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
	forbidden := func(message string) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "sandbox", errors.New(message))
	}
	for _, test := range []struct {
		name string
		err  error
		want string // how the problem begins; "": none
	}{
		{"the right one", forbidden(`admission webhook "pods.userscope.dev" denied the request: userscope: user-data-volume: …`), ""},
		{"none", nil, "it was stored"},
		{"for another rule", forbidden(`admission webhook "pods.userscope.dev" denied the request: userscope: identity-missing: …`), "not refused for user-data-volume"},
		{"a failure", apierrors.NewInternalError(errors.New("failed calling webhook")), "not refused for user-data-volume"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := strings.Join(refusalProblems(test.err), "\n")
			if test.want == "" && got != "" || !strings.HasPrefix(got, test.want) {
				t.Errorf("got: %q, want: %q", got, test.want)
			}
		})
	}
}

func TestReadIndex(t *testing.T) {
	for _, test := range []struct {
		name, index string
		want        string
	}{
		{"no Pods", `[]`, "index.json lists no Pods"},
		{"no JSON", `nonsense`, "index.json: invalid character"},
		{"no file", `[{"mode": "pvc", "thread": "t"}]`, "index.json: [0].file is missing"},
		{"unknown mode", `[{"file": "a.json", "mode": "nfs", "thread": "t"}]`, `index.json: [0].mode: "nfs" is neither`},
		{"no thread", `[{"file": "a.json", "mode": "pvc"}]`, "index.json: [0].thread is missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, indexFile), []byte(test.index), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := readIndex(dir); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got: %v, want: %s", err, test.want)
			}
		})
	}
}
