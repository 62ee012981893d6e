package backstop

import (
	"net/http"
	"strings"
	"testing"

	"userscope.dev/userscope/test/pods/oracle"
)

// A stamp entitles to its directories only if the policy takes it for an identity.
func TestStampedIdentities(t *testing.T) {
	index := map[string]int{}
	for i, in := range backed {
		index[in.Name] = i
	}
	const claimMount, invalid = "claim-mount: ", "identity-invalid: "
	for _, test := range []struct {
		name, in, user, thread string
		labels                 object
		want                   string
	}{
		{"whole", "deer-flow", "alice", "t-1", nil, ""},
		{"in labels too", "deer-flow", "alice", "t-1", object{"user-id": "alice", "thread-id": "t-1"}, ""},
		{"no label values", "deer-flow", "-Alice_", "_t", nil, ""},
		{"longest", "deer-flow", strings.Repeat("u", 255), strings.Repeat("t", 64), nil, ""},
		{"user too long", "deer-flow", strings.Repeat("u", 256), "t-1", nil, invalid},
		{"thread too long", "deer-flow", "alice", strings.Repeat("t", 65), nil, invalid},
		{"no user", "deer-flow", "", "t-1", nil, invalid},
		{"no thread", "deer-flow", "alice", "", nil, invalid},
		{"a path", "deer-flow", "alice/x", "t-1", nil, invalid},
		{"a dot", "deer-flow", ".", "t-1", nil, invalid},
		{"a line break", "deer-flow", "alice\n", "t-1", nil, invalid},
		{"not ASCII", "deer-flow", "alicé", "t-1", nil, invalid},
		{"another user in the label", "deer-flow", "alice", "t-1", object{"user-id": "bob"}, invalid},
		{"another user in the stamp's label", "deer-flow", "alice", "t-1", object{"userscope.dev/user": "bob"}, invalid},
		{"another thread in the stamp's label", "deer-flow", "alice", "t-1", object{"userscope.dev/thread": "t-2"}, invalid},
		{"another thread in the label", "deer-flow", "alice", "t-1", object{"thread-id": "t-2"}, invalid},
		{"by the patterns", "lists", "u-1", "run1", nil, ""},
		{"not by the user's pattern", "lists", "alice", "run1", nil, invalid},
		{"not by the thread's pattern", "lists", "u-1", "run-1", nil, invalid},
		{"upper case", "lists", "u-A", "run1", nil, invalid},
		{"without threads", "hub", "alice", "", nil, ""},
		{"a thread of no meaning", "hub", "alice", "../..", object{"thread-id": "other"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			policy := backed[index[test.in]].Oracle[0]
			labels, annotations := object{}, object{"userscope.dev/policies": policy.Name}
			for key, value := range oracle.Wear(policy.Selector, oracle.First) {
				labels[key] = value
			}
			for key, value := range test.labels {
				labels[key] = value
			}
			for key, id := range map[string]string{"userscope.dev/user": test.user, "userscope.dev/thread": test.thread} {
				if id != "" {
					annotations[key] = id
				}
			}
			path := strings.NewReplacer("{user}", test.user, "{thread}", test.thread).Replace(policy.Directories[0].Path)
			if policy.Root != "" {
				path = policy.Root + "/" + path
			}
			pod := bystander(labels)
			pod["metadata"].(object)["annotations"] = annotations
			pod["spec"].(object)["volumes"] = []any{object{"name": policy.Volume, "persistentVolumeClaim": object{"claimName": policy.Claim}}}
			pod["spec"].(object)["containers"].([]any)[0].(object)["volumeMounts"] = []any{
				object{"name": policy.Volume, "mountPath": policy.MountPath, "subPath": path},
			}
			who := oracle.Request{Namespace: policy.Namespaces[0], Username: policy.Provisioners[0]}
			_, err := ask(t.Context(), who, http.MethodPost, "pods", encoded(t, pod))
			if Refuses(err) != (test.want != "") || err != nil && !strings.Contains(err.Error(), "userscope: "+test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), claimMount) {
				t.Errorf("the path is not that of the stamp: %v", err)
			}
		})
	}
}

// Who has nothing of anybody's needs no identity: neither what sandboxes share on the node nor what the
// policy lists is anybody's.
func TestWithoutIdentity(t *testing.T) {
	const invalid = "userscope: identity-invalid: "
	hostPath := func(path string) object {
		return object{"name": "volume", "hostPath": object{"path": path}}
	}
	for _, test := range []struct {
		name   string
		volume object
		want   string
	}{
		{"nothing", object{"name": "volume", "emptyDir": object{}}, ""},
		{"a listed path of the node", hostPath("/opt/models"), ""},
		{"a shared directory of the node", hostPath("/srv/lab/shared/models/base"), ""},
		{"somebody's directory of the node", hostPath("/srv/lab/u-1/r1/data"), invalid},
		{"the claim", object{"name": "volume", "persistentVolumeClaim": object{"claimName": "lab-data"}}, invalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			pod := bystander(object{"role": "lab"})
			pod["metadata"].(object)["annotations"] = object{"userscope.dev/policies": "lists"}
			pod["spec"].(object)["volumes"] = []any{test.volume}
			who := oracle.Request{Namespace: "backed-lists-lab", Username: "spawner"}
			_, err := ask(t.Context(), who, http.MethodPost, "pods", encoded(t, pod))
			if Refuses(err) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
