package platforms

import (
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/test/kit/webhookprocess"
	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/webhook/scope"
)

// Every case comes out as it should, with the oracle's consent, and does so again.
func TestDecisions(t *testing.T) {
	for _, s := range sites(t) {
		in := s.installation(t)
		for _, c := range s.cases {
			t.Run(c.name, func(t *testing.T) {
				outcome, err := in.Create(c.request(&in.Oracle[0]), c.Pod)
				if err != nil {
					t.Fatal(err)
				}
				for _, problem := range outcome.Problems {
					t.Error(problem)
				}
				c.Want.verdict(t, outcome)
				if outcome.Final != nil && c.Want.Verdict != "ungoverned" {
					c.Want.shows(t, s.read(t), outcome.Final)
				}
			})
		}
	}
}

// Every policy that ships has Pods that pass and Pods that are refused.
func TestEveryPolicyHasCases(t *testing.T) {
	files, err := filepath.Glob("../../../manifests/policies/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("manifests/policies holds %q: %v", files, err)
	}
	verdicts := map[string]bool{}
	for _, c := range readCases(t) {
		if len(c.Change) == 0 {
			verdicts[c.Policy+" "+c.Want.Verdict] = true
		}
	}
	for _, file := range files {
		policy := strings.TrimSuffix(filepath.Base(file), ".yaml")
		if !verdicts[policy+" allowed"] || !verdicts[policy+" refused"] {
			t.Errorf("%s has no Pod that passes, or none that is refused: %v", file, verdicts)
		}
	}
}

// verdict holds a decision to what is wanted.
func (w want) verdict(t *testing.T, outcome *differential.Outcome) {
	t.Helper()
	if got := string(outcome.Decision.Verdict); got != w.Verdict {
		t.Errorf("%s, want %s: %v", got, w.Verdict, outcome.Decision.Violations)
	}
	if rules := rulesIn(outcome.Decision); unlike(rules, w.Rules) {
		t.Errorf("refused by %v, want %v: %v", rules, w.Rules, outcome.Decision.Violations)
	}
	user, thread := identity(w.Identity)
	id := outcome.Decision.Identity
	if outcome.Decision.Verdict != scope.Refused && w.Identity != "" && (id.User != user || id.Thread != thread) {
		t.Errorf("of %s/%s, want %s", id.User, id.Thread, w.Identity)
	}
}

// rulesIn are the rules of a refusal, each once, in order.
func rulesIn(decision scope.Decision) []string {
	var rules []string
	for _, violation := range decision.Violations {
		rules = append(rules, string(violation.Rule))
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

// shows holds what a Pod mounts of the claim to what is wanted.
func (w want) shows(t *testing.T, read settings, final []byte) {
	t.Helper()
	if got := mounted(t, read, final); !maps.Equal(got, w.Mounts) {
		t.Errorf("mounts %v, want %v", got, w.Mounts)
	}
}

// mounted is what the first container of a Pod mounts of the claim, subPaths by mountPaths.
func mounted(t *testing.T, read settings, final []byte) map[string]string {
	t.Helper()
	var pod corev1.Pod
	if err := json.Unmarshal(final, &pod); err != nil {
		t.Fatal(err)
	}
	volumes := map[string]bool{}
	for i := range pod.Spec.Volumes {
		source := pod.Spec.Volumes[i].PersistentVolumeClaim
		volumes[pod.Spec.Volumes[i].Name] = source != nil && source.ClaimName == read.Claim
	}
	subPaths := map[string]string{}
	for _, mount := range pod.Spec.Containers[0].VolumeMounts {
		if volumes[mount.Name] {
			subPaths[mount.MountPath] = mount.SubPath
		}
	}
	return subPaths
}

// `userscope check` says the same, and what people need to know.
func TestCheck(t *testing.T) {
	program, err := webhookprocess.Binary()
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]int{"allowed": 0, "rewritten": 0, "ungoverned": 0, "refused": 1}
	for _, s := range sites(t) {
		file, in := s.file(t), s.installation(t)
		for _, c := range s.cases {
			t.Run(c.name, func(t *testing.T) {
				request := c.request(&in.Oracle[0])
				command := exec.CommandContext(t.Context(), program, "check", "--policy", file, "--as", request.Username, "-n", request.Namespace, "-")
				command.Stdin = strings.NewReader(string(c.Pod))
				out, err := command.CombinedOutput()
				if command.ProcessState == nil {
					t.Fatal(err)
				}
				if got := command.ProcessState.ExitCode(); got != codes[c.Want.Verdict] || !strings.Contains(string(out), "  "+c.Want.Verdict+"  ") && !strings.Contains(string(out), "  "+c.Want.Verdict+"\n") {
					t.Errorf("ends with %d, want %d and %s: %s", got, codes[c.Want.Verdict], c.Want.Verdict, out)
				}
				for _, part := range append(c.Want.Says, c.Want.Rules...) {
					if !strings.Contains(string(out), part) {
						t.Errorf("does not say %q: %s", part, out)
					}
				}
			})
		}
	}
}
