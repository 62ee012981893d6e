package scope

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

func TestDelete(t *testing.T) {
	gateway := &corev1.Pod{}
	gateway.Labels = map[string]string{"app": "gateway"}
	unmarked := sandbox()
	unmarked.Annotations = nil
	unlabelled := sandbox(noLabel("app"))
	wrong := []Violation{{RuleDeleteNotSandbox, "metadata.labels", "app=gateway", "are not a sandbox's (app=deer-flow-sandbox), and a provisioner deletes nothing else: use another user"}}
	tests := []struct {
		name, namespace, creator string
		old                      *corev1.Pod
		verdict                  Verdict
		want                     []Violation
	}{
		{"a sandbox by the provisioner", "deer-flow", provisioner, sandbox(), Allowed, nil},
		{"a sandbox older than the installation", "deer-flow", provisioner, unmarked, Allowed, nil},
		{"a marked Pod without the selector's labels", "deer-flow", provisioner, unlabelled, Allowed, nil},
		{"the gateway by the provisioner", "deer-flow", provisioner, gateway, Refused, wrong},
		{"the gateway by somebody else", "deer-flow", "dev", gateway, Ungoverned, nil},
		{"the gateway of another namespace", "default", provisioner, gateway, Ungoverned, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Delete(policy.Policies{deerflow()}, Request{Namespace: test.namespace, Creator: Creator{Username: test.creator}}, test.old)
			if got.Verdict != test.verdict || !slices.Equal(got.Violations, test.want) {
				t.Errorf("got  %+v\nwant %s %+v", got, test.verdict, test.want)
			}
		})
	}
}
