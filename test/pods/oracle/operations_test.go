package oracle

import "testing"

func TestUpdates(t *testing.T) {
	const (
		marked   = `{"metadata": {"labels": {"app": "sandbox", "sandbox-id": "1", "user-id": "alice", "x": "y"}, "annotations": {"thread-id": "t", "userscope.dev/policies": "deer-flow"}}}`
		unmarked = `{"metadata": {"labels": {"app": "gateway"}}}`
		older    = `{"metadata": {"labels": {"app": "sandbox"}}}`
	)
	tests := []struct {
		name   string
		old    string
		change change
		broken bool
	}{
		{"another label", marked, change{"metadata/labels/x", "z"}, false},
		{"a finalizer", marked, change{"metadata/finalizers", `["x/y"]`}, false},
		{"another user", marked, change{"metadata/labels/user-id", "bob"}, true},
		{"no user", marked, change{"metadata/labels/user-id", gone}, true},
		{"another user by annotation", marked, change{"metadata/annotations/user-id", "bob"}, true},
		{"another thread", marked, change{"metadata/annotations/thread-id", "u"}, true},
		{"an empty thread by label", marked, change{"metadata/labels/thread-id", ""}, true},
		{"another sandbox-id", marked, change{"metadata/labels/sandbox-id", "2"}, true},
		{"no selector", marked, change{"metadata/labels/app", gone}, true},
		{"no labels", marked, change{"metadata/labels", gone}, true},
		{"no marker", marked, change{"metadata/annotations/userscope.dev~policies", gone}, true},
		{"another marker", marked, change{"metadata/annotations/userscope.dev~policies", "x"}, true},
		{"a marker for a Pod without", unmarked, change{"metadata/annotations", `{"userscope.dev/policies": "deer-flow"}`}, true},
		{"the selector for a Pod without", unmarked, change{"metadata/labels/app", "sandbox"}, true},
		{"another label of a Pod without", unmarked, change{"metadata/labels/app", "web"}, false},
		{"another user of a Pod older than the installation", older, change{"metadata/labels/user-id", "bob"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			old := parse(test.old)
			findings := JudgeUpdate([]Policy{policy()}, Request{Namespace: "deer-flow"}, old, with(old, test.change))
			if len(findings) > 0 != test.broken {
				t.Errorf("findings %q", findings)
			}
			if findings := JudgeUpdate([]Policy{policy()}, Request{Namespace: "elsewhere"}, old, with(old, test.change)); len(findings) > 0 {
				t.Errorf("in another namespace: %q", findings)
			}
		})
	}
}

// A label may change as long as the selector matches.
func TestUpdatesUnderASelector(t *testing.T) {
	choosing := policy()
	choosing.Selector = []Requirement{{"app", []string{"sandbox"}}, {"size", []string{"l", "s"}}, {"zone", nil}}
	const marked = `{"metadata": {"labels": {"app": "sandbox", "size": "s", "zone": "a"}, "annotations": {"userscope.dev/policies": "deer-flow"}}}`
	for _, test := range []struct {
		change change
		broken bool
	}{
		{change{"metadata/labels/size", "l"}, false},
		{change{"metadata/labels/zone", ""}, false},
		{change{"metadata/labels/size", "m"}, true},
		{change{"metadata/labels/size", gone}, true},
		{change{"metadata/labels/zone", gone}, true},
	} {
		old := parse(marked)
		findings := JudgeUpdate([]Policy{choosing}, Request{Namespace: "deer-flow"}, old, with(old, test.change))
		if len(findings) > 0 != test.broken {
			t.Errorf("%v: findings %q", test.change, findings)
		}
	}
}

func TestDeletions(t *testing.T) {
	const (
		gateway  = `{"metadata": {"labels": {"app": "gateway"}}}`
		labelled = `{"metadata": {"labels": {"app": "sandbox"}}}`
		marked   = `{"metadata": {"annotations": {"userscope.dev/policies": "deer-flow"}}}`
	)
	tests := []struct {
		name    string
		old     string
		request Request
		broken  bool
	}{
		{"the gateway's Pod", gateway, provisioner, true},
		{"the gateway's Pod by somebody else", gateway, Request{Namespace: "deer-flow", Username: "admin"}, false},
		{"the gateway's Pod elsewhere", gateway, Request{Namespace: "elsewhere", Username: "provisioner"}, false},
		{"a sandbox by its labels", labelled, provisioner, false},
		{"a sandbox by its marker", marked, provisioner, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if findings := JudgeDelete([]Policy{policy()}, test.request, parse(test.old)); len(findings) > 0 != test.broken {
				t.Errorf("findings %q", findings)
			}
		})
	}
}

func TestEphemeralContainers(t *testing.T) {
	const (
		claim      = `{"name": "debug", "volumeMounts": [{"name": "more", "mountPath": "/x"}]}`
		device     = `{"name": "debug", "volumeDevices": [{"name": "more", "devicePath": "/x"}]}`
		node       = `{"name": "debug", "volumeMounts": [{"name": "node", "mountPath": "/x"}]}`
		scratch    = `{"name": "debug", "volumeMounts": [{"name": "scratch", "mountPath": "/x"}]}`
		privileged = `{"name": "debug", "securityContext": {"privileged": true}}`
		ptrace     = `{"name": "debug", "securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}}`
	)
	gateway := []change{{"metadata", `{"labels": {"app": "gateway"}}`}}
	exempt := Request{Namespace: "deer-flow", Username: "replicaset-controller"}
	tests := []struct {
		name    string
		old     []change
		added   string
		request Request
		broken  bool
	}{
		{"the claim", nil, claim, provisioner, true},
		{"the claim, of an exempt creator", nil, claim, exempt, true},
		{"the claim, in a container that was there", []change{{"spec/ephemeralContainers", "[" + claim + "]"}}, claim, provisioner, false},
		{"the claim, in the gateway's Pod", gateway, claim, provisioner, true},
		{"the claim, in the gateway's Pod, of an exempt creator", gateway, claim, exempt, false},
		{"the claim as a device", nil, device, provisioner, true},
		{"a directory of the node", nil, node, provisioner, true},
		{"a scratch directory", nil, scratch, provisioner, false},
		{"privileged", nil, privileged, provisioner, true},
		{"a debugger", nil, ptrace, provisioner, false},
		{"the claim, elsewhere", nil, claim, Request{Namespace: "elsewhere"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			old := with(parse(sandbox), test.old...)
			updated := with(old, change{"spec/ephemeralContainers", "[" + test.added + "]"})
			if findings := JudgeEphemeralContainers([]Policy{policy()}, test.request, old, updated); len(findings) > 0 != test.broken {
				t.Errorf("findings %q", findings)
			}
		})
	}
}
