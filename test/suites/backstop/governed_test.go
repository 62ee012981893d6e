package backstop

import (
	"fmt"
	"net/http"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"

	"userscope.dev/userscope/test/pods/oracle"
)

// Each of the reasons to govern a Pod is one to call the webhook, and nothing else is.
func TestReasonsToCall(t *testing.T) {
	const hub, namespace, exempt = "system:serviceaccount:jhub:hub", "called-hub-jhub", "system:serviceaccount:kube-system:job-controller"
	both := object{"app": "jupyterhub", "component": "singleuser-server"}
	claim := object{"persistentVolumeClaim": object{"claimName": "homes"}}
	ephemeral := func(spec object) object {
		spec["accessModes"], spec["resources"] = []any{"ReadWriteOnce"}, object{"requests": object{"storage": "1Gi"}}
		return object{"ephemeral": object{"volumeClaimTemplate": object{"spec": spec}}}
	}
	source := object{"kind": "PersistentVolumeClaim", "name": "another"}
	for i, test := range []struct {
		name   string
		who    oracle.Request
		labels object
		volume object
		called bool
	}{
		{"nothing", oracle.Request{}, nil, nil, false},
		{"the labels", oracle.Request{}, both, nil, true},
		{"one of the labels", oracle.Request{}, object{"app": "jupyterhub"}, nil, false},
		{"the other label", oracle.Request{}, object{"component": "singleuser-server"}, nil, false},
		{"another value", oracle.Request{}, object{"app": "jupyterhub", "component": "singleuser-server-2"}, nil, false},
		{"the labels, exempt", oracle.Request{Username: exempt}, both, nil, true},
		{"the provisioner", oracle.Request{Username: hub}, nil, nil, true},
		{"named like the provisioner", oracle.Request{Username: hub + "-2"}, nil, nil, false},
		{"the provisioner, exempt", oracle.Request{Username: hub, Groups: []string{"system:masters"}}, nil, nil, true},
		{"the provisioner, elsewhere", oracle.Request{Username: hub, Namespace: elsewhere}, nil, nil, false},
		{"the claim", oracle.Request{}, nil, claim, true},
		{"another claim", oracle.Request{}, nil, object{"persistentVolumeClaim": object{"claimName": "homes-2"}}, false},
		{"the claim, exempt", oracle.Request{Username: exempt}, nil, claim, false},
		{"the claim, of an exempt group", oracle.Request{Groups: []string{"x", "system:masters"}}, nil, claim, false},
		{"the claim, elsewhere", oracle.Request{Namespace: elsewhere}, both, claim, false},
		{"another volume", oracle.Request{}, nil, object{"configMap": object{"name": "homes"}}, false},
		{"an empty volume", oracle.Request{}, nil, ephemeral(object{}), false},
		{"a copy", oracle.Request{}, nil, ephemeral(object{"dataSource": source}), true},
		{"a copy, said otherwise", oracle.Request{}, nil, ephemeral(object{"dataSourceRef": source}), true},
		{"a copy, exempt", oracle.Request{Username: exempt}, nil, ephemeral(object{"dataSource": source}), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.who.Username == "" {
				test.who.Username = "somebody"
			}
			if test.who.Namespace == "" {
				test.who.Namespace = namespace
			}
			pod := bystander(test.labels)
			pod["metadata"].(object)["name"] = fmt.Sprintf("reason-%d", i)
			if test.volume != nil {
				test.volume["name"] = "volume"
				pod["spec"].(object)["volumes"] = []any{test.volume}
			}
			if _, err := ask(t.Context(), test.who, http.MethodPost, "pods", encoded(t, pod)); err != nil {
				t.Fatal(err)
			}
			if wasCalled := calls.take(call{admissionv1.Create, test.who.Namespace, nameOf(pod), ""}); wasCalled != test.called {
				t.Errorf("called: %t, want %t", wasCalled, test.called)
			}
		})
	}
}
