package main

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/scope"
)

// Whatever a decision holds, check shows: edits that need no warning, and that there are more
// violations than it lists.
func TestResultShowsTheWholeDecision(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "sandbox-"}}
	for _, test := range []struct {
		name     string
		decision scope.Decision
		text     string
		json     string
	}{
		{
			name: "edits",
			decision: scope.Decision{
				Verdict:  scope.Rewritten,
				Identity: policy.Identity{User: "alice", Source: "label"},
				Edits: []scope.Edit{
					{Op: "add", Path: "/metadata/annotations", Value: map[string]string{"a": "b"}},
					{Op: "remove", Path: "/spec/x", Warning: "spec.x: is removed"},
				},
			},
			text: "n/sandbox-  rewritten  alice (label)\n" +
				"  add /metadata/annotations: {\"a\":\"b\"}\n" +
				"  spec.x: is removed\n",
			json: `{"name":"sandbox-","namespace":"n","verdict":"rewritten","identity":{"user":"alice","thread":"","source":"label"},"violations":[],` +
				`"patch":[{"op":"add","path":"/metadata/annotations","value":{"a":"b"}},{"op":"remove","path":"/spec/x"}]}`,
		},
		{
			name: "violations",
			decision: scope.Decision{
				Verdict:    scope.Refused,
				Violations: []scope.Violation{{Rule: "a-rule", Path: "spec.a", Value: "v", Message: "is wrong"}},
				More:       2,
			},
			text: "n/sandbox-  refused\n" +
				"  a-rule: spec.a: \"v\": is wrong\n" +
				"  and 2 more\n",
			json: `{"name":"sandbox-","namespace":"n","verdict":"refused","identity":{"user":"","thread":"","source":""},` +
				`"violations":[{"rule":"a-rule","path":"spec.a","value":"v","message":"is wrong"}],"moreViolations":2,"patch":[]}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newResult(scope.Request{Namespace: "n", Pod: pod}, test.decision, "")
			if got := r.text(); got != test.text {
				t.Errorf("text\n%s\nwant\n%s", got, test.text)
			}
			if got, err := json.Marshal(r); err != nil || string(got) != test.json {
				t.Errorf("JSON\n%s, %v\nwant\n%s", got, err, test.json)
			}
		})
	}
}
