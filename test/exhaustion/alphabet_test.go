package exhaustion

import (
	"strings"

	"userscope.dev/userscope/test/oracle"
)

// The letters that Pods are written with. Each list is one place in a Pod, and each of its
// entries may stand there.
var (
	creators = []oracle.Request{
		{Namespace: "deer-flow", Username: "system:serviceaccount:deer-flow:deer-flow-provisioner"},
		{Namespace: "deer-flow", Username: "system:serviceaccount:deer-flow:default", Groups: []string{"system:serviceaccounts"}},
		{Namespace: "deer-flow", Username: "system:serviceaccount:kube-system:replicaset-controller", Groups: []string{"system:serviceaccounts"}},
	}

	metadata = []string{
		`{"labels": {"app": "deer-flow-sandbox", "user-id": "alice", "thread-id": "t1"}}`,
		`{"labels": {"app": "deer-flow-sandbox"}, "annotations": {"user-id": "alice", "thread-id": "t1"}}`,
		`{"labels": {"app": "deer-flow-sandbox", "user-id": "alice"}, "annotations": {"user-id": "bob", "thread-id": "t1"}}`,
		`{"labels": {"app": "deer-flow-sandbox", "user-id": "..", "thread-id": "t1"}}`,
		`{"labels": {"app": "deer-flow-sandbox", "user-id": "alice"}}`,
		`{"labels": {"app": "deer-flow-sandbox"}}`,
		// The sandbox id proves alice and t1.
		`{"labels": {"app": "deer-flow-sandbox", "sandbox-id": "b076b51a7d6fe4e2"}}`,
		`{"labels": {"app": "deer-flow-sandbox", "sandbox-id": "b076b51a7d6fe4e2", "user-id": "bob", "thread-id": "t1"}}`,
		`{"labels": {"app": "gateway", "user-id": "alice", "thread-id": "t1"}, "annotations": {"userscope.dev/policies": "deer-flow"}}`,
		`{}`,
	}

	// The first volume has a name and a source.
	names   = []string{"user-data", "x"}
	sources = []string{
		`"persistentVolumeClaim": {"claimName": "deer-flow-home"}`,
		`"persistentVolumeClaim": {"claimName": "deer-flow-skills"}`,
		`"persistentVolumeClaim": {"claimName": "postgres"}`,
		`"hostPath": {"path": "/.deer-flow/users/alice/skills_view/custom"}`,
		`"hostPath": {"path": "/.deer-flow"}`,
		`"hostPath": {"path": "/skills"}`,
		`"emptyDir": {}`,
		`"tomorrow": {"claimName": "deer-flow-home"}`,
		`"ephemeral": {"volumeClaimTemplate": {"spec": {"dataSource": {"kind": "PersistentVolumeClaim", "name": "deer-flow-home"}}}}`,
		`"secret": {"secretName": "postgres"}`,
	}

	// The second is the claim, a directory of the node, or not there.
	seconds = []string{
		``,
		`, {"name": "y", "persistentVolumeClaim": {"claimName": "deer-flow-home"}}`,
		`, {"name": "y", "hostPath": {"path": "/.deer-flow/users/alice/integrations/lark-cli/data"}}`,
	}

	// The first volume is mounted in an init container or a regular one, ...
	lists = []string{"initContainers", "containers"}
	// ... at one of these paths, ...
	paths = []string{"/mnt/user-data", "mnt//user-data/", "/x"}
	// ... showing one of these, ...
	parts = []string{
		``,
		`, "subPath": "."`,
		`, "subPath": "deer-flow"`,
		`, "subPath": "deer-flow/users/alice/threads/t1/user-data"`,
		`, "subPath": "deer-flow/users/bob/threads/t1/user-data"`,
		`, "subPath": "deer-flow/users/alice/threads/t1/acp-workspace"`,
		`, "subPath": "./deer-flow//users/alice/threads/t1/acp-workspace/"`,
		`, "subPath": "deer-flow/users/alice/threads/t1/acp-workspace/link"`,
		`, "subPath": "deer-flow/users/alice/integrations/lark-cli/data"`,
		`, "subPath": "deer-flow/users/bob/../alice/integrations/lark-cli/data"`,
		`, "subPath": "deer-flow/skills_view/public"`,
		`, "subPathExpr": "$(X)"`,
		`, "subPath": "deer-flow/skills_view/public", "subPathExpr": "$(X)"`,
		`, "subPath": "deer-flow/skills_view/public", "subPathOfTomorrow": "."`,
	}
	// ... writable or not.
	accesses = []string{``, `, "readOnly": true`}

	// The second volume is mounted in a regular container of its own, or is a device there.
	others = []string{
		``,
		`"volumeMounts": [{"name": "y", "mountPath": "/y"}]`,
		`"volumeMounts": [{"name": "y", "mountPath": "/y", "subPath": "deer-flow/users/alice/threads/t1/acp-workspace"}]`,
		`"volumeMounts": [{"name": "y", "mountPath": "/mnt/user-data", "readOnly": true}]`,
		`"volumeMounts": [{"name": "y", "mountPath": "/y", "subPath": "deer-flow/users/bob/skills_view/custom", "readOnly": true}]`,
		`"volumeDevices": [{"name": "y", "devicePath": "/dev/y"}]`,
	}
)

// count is how many Pods there are.
func count() int {
	product := 1
	for _, letters := range sizes() {
		product *= letters
	}
	return product
}

// sizes returns how many letters each place has.
func sizes() []int {
	return []int{
		len(creators), len(metadata), len(names), len(sources), len(seconds),
		len(lists), len(paths), len(parts), len(accesses), len(others),
	}
}

// pod writes one of the Pods.
func pod(number int) (oracle.Request, []byte) {
	var letter []int
	for _, size := range sizes() {
		letter = append(letter, number%size)
		number /= size
	}
	name := names[letter[2]]
	first := `{"name": "first", "volumeMounts": [{"name": "` + name + `", "mountPath": "` + paths[letter[6]] + `"` + parts[letter[7]] + accesses[letter[8]] + `}]}`
	second := `{"name": "second"}`
	if other := others[letter[9]]; other != "" {
		second = `{"name": "second", ` + other + `}`
	}
	containers := `"initContainers": [` + first + `], "containers": [` + second + `]`
	if lists[letter[5]] == "containers" {
		containers = `"containers": [` + first + `, ` + second + `]`
	}
	return creators[letter[0]], []byte(strings.Join([]string{
		`{"apiVersion": "v1", "kind": "Pod", "metadata": `, metadata[letter[1]],
		`, "spec": {"volumes": [{"name": "`, name, `", `, sources[letter[3]], `}`, seconds[letter[4]], `], `, containers, `}}`,
	}, ""))
}
