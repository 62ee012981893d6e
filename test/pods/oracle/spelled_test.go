package oracle

import (
	"fmt"
	"strings"
	"testing"
)

func TestSpelledByMounts(t *testing.T) {
	tests := []struct{ subPath, want string }{
		{"deer-flow/users/alice/threads/t1/user-data", "alice t1"},
		{"./deer-flow//users/alice/./threads/t1/acp-workspace/", "alice t1"},
		{"deer-flow/users/alice/data", "alice "},
		{"deer-flow/users/a.b/data", "a.b "},
		{"deer-flow/threads/t1/user-data", " t1"},
		{"threads/t1/user-data", " t1"},
		{"deer-flow/public", " "},
		{"users/alice/data", " "},
		{"other/users/alice/data", " "},
		{"deer-flow/users/alice", " "},
		{"deer-flow/users/alice/data/x", " "},
		{"deer-flow/users/alice/database", " "},
		{"deer-flow/users/bob/../alice/data", " "},
		{"x/../deer-flow/users/alice/data", " "},
		{"/deer-flow/users/alice/data", " "},
		{"", " "},
	}
	for _, list := range []string{"initContainers", "containers", "ephemeralContainers"} {
		for _, test := range tests {
			pod := func(source, more string) object {
				return parse(fmt.Sprintf(`{"spec": {"volumes": [{"name": "v", %s}], %q: [{}, {"volumeMounts": [{"name": "v", "subPath": %q%s}]}]}}`,
					source, list, test.subPath, more))
			}
			const claim = `"persistentVolumeClaim": {"claimName": "home"}`
			if got := spelling(pod(claim, "")); got != test.want {
				t.Errorf("%s: %q spells %q, want %q", list, test.subPath, got, test.want)
			}
			for name, other := range map[string]object{
				"another claim":             pod(`"persistentVolumeClaim": {"claimName": "other"}`, ""),
				"an emptyDir":               pod(`"emptyDir": {}`, ""),
				"the path by an expression": pod(claim, `, "subPathExpr": "$(X)"`),
			} {
				if got := spelling(other); got != " " {
					t.Errorf("%s: %q in %s spells %q", list, test.subPath, name, got)
				}
			}
		}
	}
}

func TestSpelledByNodes(t *testing.T) {
	tests := []struct{ path, want string }{
		{"/base/users/alice/threads/t1/user-data", "alice t1"},
		{"//base/./users/alice/data/", "alice "},
		{"/base/threads/t1/user-data", " t1"},
		{"/base/public", " "},
		{"base/users/alice/data", " "},
		{"/basement/users/alice/data", " "},
		{"/basex/users/alice/data", " "},
		{"/x/../base/users/alice/data", " "},
		{"/base/users/bob/../alice/data", " "},
		{"/base/deer-flow/users/alice/data", " "},
		{"/x/base/users/alice/data", " "},
		{"/users/alice/data", " "},
	}
	for _, test := range tests {
		pod := parse(fmt.Sprintf(`{"spec": {"volumes": [{"name": "v", "hostPath": {"path": %q}}]}}`, test.path))
		if got := spelling(pod); got != test.want {
			t.Errorf("%q spells %q, want %q", test.path, got, test.want)
		}
	}
}

// All that is spelled is told, so that nobody is taken for the first.
func TestSpelledByMany(t *testing.T) {
	pod := parse(`{"spec": {
		"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "home"}}, {"name": "n", "hostPath": {"path": "/base/users/carol/data"}}],
		"containers": [{"volumeMounts": [
			{"name": "v", "subPath": "deer-flow/users/bob/data"}, {"name": "v", "subPath": "deer-flow/users/bob/threads/t2/user-data"},
			{"name": "v", "subPath": "threads/t1/user-data"}, {"name": "v", "subPath": "deer-flow/users/../data"}]}]}}`)
	if got := spelling(pod); got != "bob,carol t1,t2" {
		t.Errorf("spelled are %q", got)
	}
}

func spelling(pod object) string {
	users, threads := spelled([]Policy{proving("Adopted", nil)}, pod)
	return strings.Join(users, ",") + " " + strings.Join(threads, ",")
}
