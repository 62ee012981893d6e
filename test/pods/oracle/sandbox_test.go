package oracle

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// policy is a small DeerFlow with something on most of its lists.
func policy() Policy {
	return Policy{
		Name:         "deer-flow",
		Namespaces:   []string{"deer-flow"},
		Claim:        "home",
		Selector:     []Requirement{{"app", []string{"sandbox"}}},
		Provisioners: []string{"provisioner"},
		ExemptUsers:  []string{"replicaset-controller"},
		ExemptGroups: []string{"admins"},
		Identity:     Identity{From: []string{"Label", "Annotation", "Mounts"}, ProofOf: []string{"{user}:{thread}"}, UserKey: "user-id", ThreadKey: "thread-id", SandboxIDKey: "sandbox-id"},
		Volume:       "user-data",
		MountPath:    "/mnt/user-data",
		Root:         "deer-flow",
		HostBases:    []string{"/base"},
		Directories: []Directory{
			{Path: "users/{user}/threads/{thread}/user-data", Writable: true, UserData: true},
			{Path: "users/{user}/threads/{thread}/acp-workspace"},
			{Path: "users/{user}/data", Writable: true},
			{Path: "public"},
		},
		Allowed: Allowed{
			HostPaths: []string{"/skills"}, Claims: []string{"skills"}, VolumeTypes: []string{"nfs", "ephemeral"},
			StorageClasses: []string{"fast"}, ConfigMaps: []string{"any"}, RestrictsConfigMaps: true, MaxPriority: 10,
			Tolerations: []map[string]any{{"key": "a", "operator": "Exists"}},
			Secrets:     []string{"listed"}, ServiceAccounts: []string{"worker"}, TokenAudiences: []string{"vault"},
			ResourceClaims: []string{"gpu"}, Listed: map[string][]string{"runtimeClasses": {"kata"}}, Capabilities: []string{"NET_ADMIN"},
			ControllerOwners: []string{"Box.box.example"},
			FSGroup:          "1000", SELinuxOptions: object{"level": "s0:c1"},
		},
	}
}

// provisioner sends the Pods of most cases.
var provisioner = Request{Namespace: "deer-flow", Username: "provisioner", Groups: []string{"system:authenticated"}}

// sandbox is a Pod as it should come out: it uses what the policy allows.
const sandbox = `{
	"apiVersion": "v1", "kind": "Pod",
	"metadata": {
		"name": "sandbox-1",
		"ownerReferences": [{"apiVersion": "box.example/v1", "kind": "Box", "name": "box-1", "controller": true}],
		"labels": {"app": "sandbox", "user-id": "alice", "userscope.dev/user": "alice"},
		"annotations": {
			"user-id": "alice", "thread-id": "-t1",
			"userscope.dev/policies": "deer-flow", "userscope.dev/user": "alice", "userscope.dev/thread": "-t1"
		}
	},
	"spec": {
		"serviceAccountName": "default",
		"runtimeClassName": "kata",
		"tomorrow": {"field": [1, null, true]},
		"securityContext": {"fsGroup": 1000, "fsGroupChangePolicy": "OnRootMismatch", "seLinuxOptions": {"level": "s0:c1"}},
		"resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu"}],
		"volumes": [
			{"name": "user-data", "persistentVolumeClaim": {"claimName": "home"}},
			{"name": "more", "persistentVolumeClaim": {"claimName": "home"}},
			{"name": "skills", "persistentVolumeClaim": {"claimName": "skills", "readOnly": true}},
			{"name": "node", "hostPath": {"path": "/base/users/alice/data", "type": "Directory"}},
			{"name": "old-skills", "hostPath": {"path": "/skills/", "type": ""}},
			{"name": "scratch", "emptyDir": {}},
			{"name": "share", "nfs": {"server": "nfs", "path": "/"}},
			{"name": "made", "ephemeral": {"volumeClaimTemplate": {"spec": {"storageClassName": "fast", "volumeName": "", "selector": null}}}},
			{"name": "kube-api-access-x2k9q", "projected": {"sources": [
				{"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
				{"serviceAccountToken": {"path": "vault", "audience": "vault"}},
				{"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
				{"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
				{"secret": {"name": "listed"}}
			]}},
			{"name": "key", "secret": {"secretName": "listed"}}
		],
		"initContainers": [
			{"name": "init", "volumeMounts": [
				{"name": "more", "mountPath": "/data", "subPath": "deer-flow/users/alice/data"},
				{"name": "scratch", "mountPath": "/tmp/", "subPathExpr": "$(ANY)"}
			]}
		],
		"containers": [
			{
				"name": "sandbox",
				"env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "listed", "key": "b"}}}],
				"envFrom": [{"secretRef": {"name": "listed"}}, {"configMapRef": {"name": "any"}}],
				"ports": [{"containerPort": 8080}],
				"livenessProbe": {"httpGet": {"path": "/", "port": 8080}},
				"securityContext": {"privileged": false, "capabilities": {"add": ["CHOWN", "NET_ADMIN"]}},
				"volumeMounts": [
					{"name": "user-data", "mountPath": "/mnt/user-data", "subPath": "deer-flow/users/alice/threads/-t1/user-data", "readOnly": false},
					{"name": "more", "mountPath": "/mnt/acp", "subPath": "deer-flow/users/alice/threads/-t1/acp-workspace", "readOnly": true},
					{"name": "user-data", "mountPath": "/mnt/public", "subPath": "deer-flow/public", "readOnly": true},
					{"name": "node", "mountPath": "/node", "readOnly": false},
					{"name": "old-skills", "mountPath": "/skills", "readOnly": true}
				]
			}
		]
	}
}`

// parse reads a Pod.
func parse(text string) object {
	var pod object
	if err := json.Unmarshal([]byte(text), &pod); err != nil {
		panic(err)
	}
	return pod
}

// change is what becomes of one field. The path's parts are keys, in which ~ stands for a slash,
// and list indices. The value gone removes the field.
type change struct {
	path  string
	value any
}

type nothing struct{}

var gone = nothing{}

// with returns a Pod with changes made to it. A value that is JSON text of a list or an object is
// parsed.
func with(pod object, changes ...change) object {
	pod = parse(encode(pod))
	for _, c := range changes {
		parts := strings.Split(c.path, "/")
		for i, part := range parts {
			parts[i] = strings.ReplaceAll(part, "~", "/")
		}
		last := parts[len(parts)-1]
		var at any = pod
		for _, part := range parts[:len(parts)-1] {
			at = member(at, part)
		}
		value := c.value
		if text, ok := value.(string); ok && (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")) {
			if err := json.Unmarshal([]byte(text), &value); err != nil {
				panic(err)
			}
		}
		switch parent := at.(type) {
		case object:
			parent[last] = value
			if value == gone {
				delete(parent, last)
			}
		case []any:
			parent[index(last)] = value
		default:
			panic(fmt.Sprintf("%s: no such field", c.path))
		}
	}
	return pod
}

func member(of any, key string) any {
	if list, ok := of.([]any); ok {
		return list[index(key)]
	}
	return of.(object)[key]
}

func index(key string) int {
	i, err := strconv.Atoi(key)
	if err != nil {
		panic(err)
	}
	return i
}

func encode(pod object) string {
	text, err := json.Marshal(pod)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// alterations returns every value that is like a JSON value but for one thing: a member that is
// missing, there too, or different.
func alterations(value any) map[string]any {
	altered := map[string]any{}
	switch value := value.(type) {
	case object:
		altered["/+"] = withMember(value, "added", "x")
		for key, member := range value {
			without := maps.Clone(value)
			delete(without, key)
			altered["/"+key+"-"] = without
			for path, other := range alterations(member) {
				altered["/"+key+path] = withMember(value, key, other)
			}
		}
	case []any:
		altered["/+"] = append(append([]any{}, value...), object{"name": "added"})
		for i, entry := range value {
			altered[fmt.Sprintf("/%d-", i)] = append(append([]any{}, value[:i]...), value[i+1:]...)
			for path, other := range alterations(entry) {
				list := append([]any{}, value...)
				list[i] = other
				altered[fmt.Sprintf("/%d%s", i, path)] = list
			}
		}
	case bool:
		altered["="] = !value
	case string:
		altered["="] = value + "x"
	default:
		altered["="] = "x"
	}
	return altered
}

func withMember(o object, key string, value any) object {
	o = maps.Clone(o)
	o[key] = value
	return o
}
