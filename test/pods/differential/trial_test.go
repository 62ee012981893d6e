package differential

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/scope"
)

const (
	sandbox = `{
		"metadata": {"labels": {"app": "deer-flow-sandbox", "user-id": "alice", "thread-id": "t1"}, "annotations": {"x": "y"}},
		"spec": {"volumes": [{"name": "v", "emptyDir": {}}], "containers": [{"name": "c"}]}
	}`
	bystander = `{"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}}`
)

var request = oracle.Request{Namespace: "deer-flow", Username: "somebody"}

// The decisions of the policy that is shipped, as they should be.
func TestNothingIsWrong(t *testing.T) {
	in := deerFlowInstallation(t)
	for _, pod := range []string{sandbox, bystander} {
		outcome, err := in.Create(request, []byte(pod))
		if err != nil {
			t.Fatal(err)
		}
		if len(outcome.Problems) > 0 || outcome.Final == nil {
			t.Errorf("%s: %+v", pod, outcome)
		}
	}
}

// Whatever a decision does wrong, the trial says so.
func TestProblems(t *testing.T) {
	marked := scope.Edit{Op: "add", Path: "/metadata/annotations/userscope.dev~1policies", Value: "deer-flow"}
	refusal := func(violation scope.Violation) Decide {
		return func(scope.Request) scope.Decision {
			return scope.Decision{Verdict: scope.Refused, Violations: []scope.Violation{violation}}
		}
	}
	edits := func(verdict scope.Verdict, edits ...scope.Edit) Decide {
		return func(scope.Request) scope.Decision { return scope.Decision{Verdict: verdict, Edits: edits} }
	}
	calls := 0
	tests := []struct {
		name   string
		pod    string
		decide Decide
		want   string
	}{
		{"no verdict", sandbox, edits(""), "no verdict"},
		{"a sandbox that is ungoverned", sandbox, edits(scope.Ungoverned), "governed is true"},
		{"a bystander that is governed", bystander, edits(scope.Allowed), "governed is false"},
		{"an ungoverned Pod with an edit", bystander, edits(scope.Ungoverned, marked), "an ungoverned Pod has"},
		{"a sandbox that is not marked", sandbox, edits(scope.Allowed), "I5"},
		{"a rewrite without warning", sandbox, edits(scope.Rewritten, marked), "verdict rewritten"},
		{"a warning without rewrite", sandbox, edits(scope.Allowed, scope.Edit{Op: "add", Path: "/x", Value: 1, Warning: "x"}), "verdict allowed"},
		{"an edit of a field that is not there", sandbox, edits(scope.Allowed, scope.Edit{Op: "remove", Path: "/spec/volumes/1"}), "the edits cannot be made"},
		{"an edit that is none", sandbox, edits(scope.Allowed, scope.Edit{Op: "add", Path: "/x", Value: func() {}}), "the edits cannot be made"},
		{"an edit that leaves no Pod", sandbox, edits(scope.Allowed, scope.Edit{Op: "replace", Path: "/spec", Value: "x"}), "the edits leave no Pod"},
		{"an edit that leaves no object", sandbox, edits(scope.Allowed, scope.Edit{Op: "replace", Path: "", Value: []any{}}), "the edits leave no JSON"},
		{"an edit of a field that is nobody's business", sandbox, edits(scope.Allowed, marked, scope.Edit{Op: "add", Path: "/spec/hostname", Value: "x"}), "I7"},
		{"the same edit over and over", sandbox, edits(scope.Allowed, marked), "I6"},
		{"another identity", sandbox, func(scope.Request) scope.Decision {
			return scope.Decision{Verdict: scope.Allowed, Edits: []scope.Edit{marked}, Identity: policy.Identity{User: "alice", Thread: "t2"}}
		}, "I5: the decision reports"},
		{"a Pod that is changed", sandbox, func(req scope.Request) scope.Decision {
			req.Pod.Spec.Volumes = []corev1.Volume{}
			return scope.Decision{Verdict: scope.Ungoverned}
		}, "I9: the decision changed"},
		{"a decision that is another the next time", sandbox, func(scope.Request) scope.Decision {
			calls++
			return scope.Decision{Verdict: scope.Allowed, More: calls}
		}, "I9: a second decision"},
		{"a refusal for no reason", sandbox, edits(scope.Refused), "refused with 0 violations"},
		{"a refusal with an edit", sandbox, edits(scope.Refused, marked), "refused with 0 violations and edits"},
		{"a violation of no rule", sandbox, refusal(scope.Violation{Path: "spec", Value: "x", Message: "x"}), "is no rule"},
		{"a violation without message", sandbox, refusal(scope.Violation{Rule: scope.RulePodSecurity, Path: "spec", Value: "x"}), "no message"},
		{"a violation without value", sandbox, refusal(scope.Violation{Rule: scope.RuleVolumeType, Path: "spec.volumes[0]", Message: "x"}), "is not named"},
		{"a violation of a field that cannot be", sandbox, refusal(scope.Violation{Rule: scope.RuleVolumeType, Path: "spec.volumes[1]", Value: "x", Message: "x"}), "has no field"},
		{"more violations than are listed", sandbox, func(scope.Request) scope.Decision {
			return scope.Decision{Verdict: scope.Refused, More: 1, Violations: []scope.Violation{{Rule: scope.RulePodSecurity, Path: "spec", Value: "x", Message: "x"}}}
		}, "1 violations are listed, and 1 more"},
	}
	in := deerFlowInstallation(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			outcome, err := in.CreateBy(test.decide, request, []byte(test.pod))
			if err != nil {
				t.Fatal(err)
			}
			if problems := strings.Join(outcome.Problems, "\n"); !strings.Contains(problems, test.want) {
				t.Errorf("problems:\n%s\nwant %s", problems, test.want)
			}
		})
	}
}

func TestFieldPaths(t *testing.T) {
	pod, err := Object([]byte(`{
		"metadata": {"labels": {"a.b/c[0]": "x"}},
		"spec": {"volumes": [{"name": "v", "x.y": {"z": 1}}], "containers": null}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path      string
		there, ok bool
	}{
		{"spec", true, true},
		{"spec.volumes[0].name", true, true},
		{"spec.volumes[0].x.y.z", true, true},
		{"spec.volumes[0].emptyDir.medium", false, true},
		{"spec.volumes[1]", false, false},
		{"spec.volumes[x]", false, false},
		{"spec.volumes.name", false, false},
		{"spec.volumes[0].name.x", false, false},
		{"spec.containers[0].name", false, true},
		{"metadata.labels[a.b/c[0]]", true, true},
		{"metadata.labels[other]", false, true},
		{"metadata.annotations[a.b/c]", false, true},
	}
	for _, test := range tests {
		if _, there, ok := resolve(pod, test.path); there != test.there || ok != test.ok {
			t.Errorf("%s: there %t, could be %t; want %t, %t", test.path, there, ok, test.there, test.ok)
		}
	}
}

func TestOperationsAreJudged(t *testing.T) {
	provisioner := oracle.Request{Namespace: "deer-flow", Username: deerFlowInstallation(t).Oracle[0].Provisioners[0]}
	for name, do := range map[string]func(Installation) (*Outcome, error){
		"an update": func(in Installation) (*Outcome, error) {
			return in.Update(provisioner, []byte(bystander), []byte(sandbox))
		},
		"a deletion": func(in Installation) (*Outcome, error) {
			return in.Delete(provisioner, []byte(bystander))
		},
		"an ephemeral container": func(in Installation) (*Outcome, error) {
			return in.AddEphemeralContainers(provisioner, []byte(sandbox), []byte(privileged))
		},
	} {
		in := deerFlowInstallation(t)
		if outcome, err := do(in); err != nil || outcome.Decision.Verdict != scope.Refused || len(outcome.Problems) > 0 {
			t.Errorf("%s: %+v, %v", name, outcome, err)
		}
		// Without policies it passes, and the oracle, which has them still, notices.
		in.Policies = nil
		if outcome, err := do(in); err != nil || outcome.Decision.Verdict != scope.Ungoverned || len(outcome.Problems) == 0 {
			t.Errorf("%s without policies: %+v, %v", name, outcome, err)
		}
		// And with policies that the oracle has not, it notices what is refused without need.
		in = deerFlowInstallation(t)
		in.Oracle = nil
		if outcome, err := do(in); name != "an ephemeral container" && (err != nil || len(outcome.Problems) == 0) {
			t.Errorf("%s without the oracle's policies: %+v, %v", name, outcome, err)
		}
	}
}

const privileged = `{
	"metadata": {"labels": {"app": "deer-flow-sandbox"}},
	"spec": {"ephemeralContainers": [{"name": "e", "securityContext": {"privileged": true}}]}
}`

func deerFlowInstallation(t *testing.T) Installation {
	t.Helper()
	in, err := DeerFlow()
	if err != nil {
		t.Fatal(err)
	}
	return in
}
