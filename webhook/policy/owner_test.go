package policy

import "testing"

func TestMayOwn(t *testing.T) {
	for _, test := range []struct {
		apiVersion, kind, want string
		may                    bool
	}{
		{"agents.x-k8s.io/v1beta1", "Sandbox", "Sandbox.agents.x-k8s.io", true},
		{"apps.kruise.io/v1", "CloneSet", "CloneSet.apps.kruise.io", true},
		{"apps/v1", "Deployment", "Deployment.apps", false},
		{"batch/v1", "CronJob", "CronJob.batch", false},
		{"v1", "Node", "Node.core", false},
		{"example.com", "Box", "Box.core", false},
		{"example.com/v1", "ReplicaSet", "ReplicaSet.example.com", false},
		{"example.com/v1", "StatefulSet", "StatefulSet.example.com", false},
		{"/v1", "Box", "Box.", false},
		{"", "", ".core", false},
	} {
		kind := OwnerKind(test.apiVersion, test.kind)
		if kind != test.want || MayOwn(kind) != test.may {
			t.Errorf("%s %s: %s, may own: %t; want %s, %t", test.apiVersion, test.kind, kind, MayOwn(kind), test.want, test.may)
		}
	}
}
