package exhaustion

import "userscope.dev/userscope/test/pods/differential"

// A role is a kind of Pod that is known to be good.
type role uint

const (
	// declared Pods say that they are of alice and t1, and mount the claim at their directories.
	declared role = 1 << iota
	// adopted Pods do so too, and it is those directories, with a proof, that say whose they are.
	adopted
	// whole Pods are declared, and what they mount has no parts.
	whole
	// replaced Pods are anybody's, and mount nothing but user data, at its path, wherever they found it.
	replaced
	// defaulted Pods do so too, and have a thread and no user.
	defaulted

	every     = declared | adopted | whole | replaced | defaulted
	asAlice   = declared | whole | replaced
	anywhere  = replaced | defaulted
	someWhole = whole | replaced | defaulted
)

// letter is what may stand in one place of a Pod. It harms no Pod of the roles that it fits: one
// whose letters all fit one role must pass. A letter of no role harms every Pod, or may.
type letter struct {
	text string
	fits role
}

// alphabet is what the Pods of one installation are written with. Each list is one place in a Pod.
type alphabet struct {
	load func() (differential.Installation, error)

	// near leaves out the Pods that are further from every role than by one letter: of the other
	// installations these are many, and most are refused for several reasons, of which each is
	// DeerFlow's too.
	near bool

	creators, metadata               []letter
	names, sources                   []letter
	positions, paths, parts, seconds []letter
}

var alphabets = map[string]alphabet{
	"deer-flow": {differential.DeerFlow, false, creators, inDeerFlow, names, sources, positions, paths, parts, seconds},
	"keyed":     {differential.Keyed, true, creators, inKeyed, names, sources, positions, paths, parts, seconds},
	"defaulted": {differential.Defaulted, true, creators, inDefaulted, names, sources, positions, paths, parts, seconds},
}

var (
	creators = []letter{
		{"system:serviceaccount:deer-flow:deer-flow-provisioner", every},
		{"system:serviceaccount:kube-system:somebody", every},
		{"system:serviceaccount:kube-system:replicaset-controller", every},
	}

	// The sandbox id proves alice and t1.
	inDeerFlow = []letter{
		{`{"labels": {"app": "deer-flow-sandbox", "user-id": "alice", "thread-id": "t1"}}`, asAlice},
		{`{"labels": {"app": "deer-flow-sandbox"}, "annotations": {"user-id": "-long_", "thread-id": "t1"}}`, replaced},
		{`{"labels": {"app": "deer-flow-sandbox", "user-id": "alice", "sandbox-id": "b076b51a7d6fe4e2"}, "annotations": {"thread-id": "t1"}}`, asAlice | adopted},
		{`{"labels": {"app": "deer-flow-sandbox", "sandbox-id": "b076b51a7d6fe4e2"}, "annotations": {"user-id": "alice"}}`, adopted},
		{`{"labels": {"app": "deer-flow-sandbox", "sandbox-id": "b076b51a7d6fe4e2"}}`, adopted},
		{`{"labels": {"app": "deer-flow-sandbox", "sandbox-id": "b076b51a7d6fe4e20"}}`, 0},
		{`{"labels": {"app": "deer-flow-sandbox", "user-id": "alice"}, "annotations": {"user-id": "bob", "thread-id": "t1"}}`, 0},
		{`{"labels": {"app": "deer-flow-sandbox", "user-id": "..", "thread-id": "t1"}}`, 0},
		{`{"labels": {"app": "deer-flow-sandbox", "thread-id": "t1"}}`, 0},
		{`{"labels": {"app": "deer-flow-sandbox", "sandbox-id": "b076b51a7d6fe4e2", "user-id": "bob", "thread-id": "t1"}}`, 0},
		{`{"labels": {"app": "gateway", "user-id": "alice", "thread-id": "t1"}, "annotations": {"userscope.dev/policies": "deer-flow"}}`, 0},
		{`{}`, 0},
	}

	// Under either key: the same, and another that proves the default user and t1.
	inKeyed = []letter{
		{`{"labels": {"app": "deer-flow-sandbox", "user-id": "alice", "thread-id": "t1", "sandbox-id": "164db43a3f245e0a"}}`, asAlice | adopted},
		{`{"labels": {"app": "deer-flow-sandbox", "sandbox-id": "04ae2e84f5a86b54d279febf55252caa5a446eef0ec374f999e1e64de00e8c1"}, "annotations": {"user-id": "alice", "thread-id": "t1"}}`, asAlice | adopted},
		{`{"labels": {"app": "deer-flow-sandbox", "sandbox-id": "164db43a3f245e0a"}}`, adopted},
		{`{"labels": {"app": "deer-flow-sandbox", "sandbox-id": "04ae2e84f5a86b54d279febf55252caa5a446eef0ec374f999e1e64de00e8c1"}}`, adopted},
		{`{"labels": {"app": "deer-flow-sandbox", "thread-id": "t1", "sandbox-id": "dc7564b43d4ba6f2"}}`, defaulted},
		{`{"labels": {"app": "deer-flow-sandbox", "thread-id": "t1"}}`, 0},
		{`{"labels": {"app": "deer-flow-sandbox", "user-id": "alice", "thread-id": "t1"}}`, 0},
		{`{"labels": {"app": "deer-flow-sandbox", "user-id": "alice", "thread-id": "t1", "sandbox-id": "b076b51a7d6fe4e2"}}`, 0},
		{`{"labels": {"app": "deer-flow-sandbox", "sandbox-id": "b076b51a7d6fe4e2"}}`, 0},
		{`{"labels": {"app": "deer-flow-sandbox", "user-id": "bob", "thread-id": "t1", "sandbox-id": "164db43a3f245e0a"}}`, 0},
	}

	// The sandbox ids prove alice, the default user, and somebody who is not known.
	inDefaulted = []letter{
		{`{"labels": {"app": "deer-flow-sandbox", "user-id": "alice", "thread-id": "t1"}}`, asAlice},
		{`{"labels": {"app": "deer-flow-sandbox", "sandbox-id": "b076b51a7d6fe4e2"}}`, adopted},
		{`{"labels": {"app": "deer-flow-sandbox", "thread-id": "t1"}}`, defaulted},
		{`{"labels": {"app": "deer-flow-sandbox", "sandbox-id": "eeb6544e5ffa968d"}, "annotations": {"thread-id": "t1"}}`, defaulted},
		{`{"labels": {"app": "deer-flow-sandbox", "thread-id": "t1", "sandbox-id": "eeb6544e"}}`, defaulted},
		{`{"labels": {"app": "deer-flow-sandbox", "thread-id": "t1", "sandbox-id": "264ee9e3"}}`, 0},
		{`{"labels": {"app": "deer-flow-sandbox", "thread-id": "t1", "sandbox-id": "b076b51a7d6fe4e2"}}`, adopted},
		{`{"labels": {"app": "deer-flow-sandbox", "user-id": "", "thread-id": "t1"}}`, 0},
		{`{"labels": {"app": "deer-flow-sandbox"}}`, 0},
	}

	// The first volume has a name and a source.
	names   = []letter{{"user-data", every &^ whole}, {"x", declared | adopted | whole}}
	sources = []letter{
		{`"persistentVolumeClaim": {"claimName": "deer-flow-home"}`, declared | adopted | replaced | defaulted},
		{`"persistentVolumeClaim": {"claimName": "deer-flow-skills"}`, someWhole},
		{`"persistentVolumeClaim": {"claimName": "postgres"}`, 0},
		{`"hostPath": {"path": "/.deer-flow/users/alice/skills_view/custom"}`, whole | replaced},
		{`"hostPath": {"path": "/.deer-flow/x/../users/alice/threads/t1/user-data"}`, anywhere},
		{`"hostPath": {"path": "/.deer-flow/threads/t1/user-data"}`, anywhere},
		{`"hostPath": {"path": "/.deer-flow"}`, anywhere},
		{`"hostPath": {"path": "/skills"}`, someWhole},
		{`"emptyDir": {}`, someWhole},
		{`"hostPath": {"path": "/.deer-flow/users/bob/threads/t1/user-data"}`, replaced},
		{`"ephemeral": {"volumeClaimTemplate": {"spec": {"dataSource": {"kind": "PersistentVolumeClaim", "name": "deer-flow-home"}}}}`, 0},
		{`"secret": {"secretName": "postgres"}`, 0},
	}

	// It is mounted in one of these containers, FIRST, beside the SECOND, ...
	positions = []letter{
		{`"initContainers": [FIRST], "containers": [SECOND]`, every},
		{`"initContainers": [{"name": "third"}, FIRST], "containers": [SECOND]`, every},
		{`"containers": [SECOND, {"name": "third"}, FIRST]`, every},
		{`"containers": [FIRST, SECOND]`, every},
	}
	// ... at one of these paths, writable or not, ...
	paths = []letter{
		{`"mountPath": "/mnt/user-data"`, every},
		{`"mountPath": "mnt//user-data/", "readOnly": true`, every},
		{`"mountPath": "/x"`, declared | adopted | whole},
	}
	// ... showing one of these.
	parts = []letter{
		{``, someWhole},
		{`, "subPath": "."`, anywhere},
		{`, "subPath": "deer-flow"`, anywhere},
		{`, "subPath": "deer-flow/users/alice/threads/t1/user-data"`, declared | adopted | replaced},
		{`, "subPath": "deer-flow/users/bob/threads/t1/user-data"`, replaced},
		{`, "subPath": "deer-flow/users/a.b/threads/t1/user-data"`, replaced},
		{`, "subPath": "./deer-flow//users/alice/threads/t1/acp-workspace/"`, declared | adopted | replaced},
		{`, "subPath": "deer-flow/users/alice/threads/t1/acp-workspace/link"`, anywhere},
		{`, "subPath": "deer-flow/users/alice/integrations/lark-cli/data"`, declared | replaced},
		{`, "subPath": "deer-flow/users/default/integrations/lark-cli/data"`, replaced},
		{`, "subPath": "deer-flow/users/bob/../alice/threads/t1/user-data"`, anywhere},
		{`, "subPath": "users/alice/threads/t1/user-data"`, anywhere},
		{`, "subPath": "threads/t1/user-data"`, declared | anywhere},
		{`, "subPath": "threads/t2/user-data"`, replaced},
		{`, "subPath": "deer-flow/skills_view/public"`, declared | replaced | defaulted},
		{`, "subPathExpr": "$(X)"`, anywhere},
		{`, "subPath": "deer-flow/users/alice/threads/t1/user-data", "subPathExpr": "$(X)"`, anywhere},
		{`, "subPath": "deer-flow/skills_view/public", "subPathOfTomorrow": "."`, 0},
	}

	// The second volume, if there is one, is the claim or a directory of the node, and mounted or
	// otherwise used in a container of its own.
	seconds = []letter{
		{` | `, every},
		{claim + ` | "volumeMounts": [{"name": "y", "mountPath": "/mnt/user-data", "readOnly": true}]`, every},
		{claim + ` | "volumeMounts": [{"name": "y", "mountPath": "/y", "subPath": "deer-flow/users/alice/threads/t1/acp-workspace"}]`, declared | whole | adopted},
		{claim + ` | "volumeMounts": [{"name": "y", "mountPath": "/mnt/user-data", "subPath": "deer-flow/users/bob/threads/t1/user-data"}]`, asAlice},
		{`, {"name": "y", "hostPath": {"path": "/.deer-flow/users/alice/integrations/lark-cli/data"}} | "volumeMounts": [{"name": "y", "mountPath": "/y"}]`, declared | whole | adopted},
		{claim + ` | "volumeMounts": [{"name": "y", "mountPath": "/y"}]`, 0},
		{claim + ` | "volumeMounts": [{"name": "y", "mountPath": "/y", "subPath": "deer-flow/users/bob/skills_view/custom", "readOnly": true}]`, 0},
		{claim + ` | "volumeDevices": [{"name": "y", "devicePath": "/dev/y"}]`, 0},
		{claim + ` | "env": [{"name": "Y", "valueFrom": {"fileKeyRef": {"volumeName": "y", "path": "y", "key": "Y"}}}]`, 0},
		{`, {"name": "y", "hostPath": {"path": "/.deer-flowx/users/alice/integrations/lark-cli/data"}} | "volumeMounts": [{"name": "y", "mountPath": "/y"}]`, 0},
		{`, {"name": "y", "hostPath": {"path": "/.deer-flow/users/bob/integrations/lark-cli/data"}} | "volumeMounts": [{"name": "y", "mountPath": "/y"}]`, 0},
	}
)

const claim = `, {"name": "y", "persistentVolumeClaim": {"claimName": "deer-flow-home"}}`
