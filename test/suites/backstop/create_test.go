package backstop

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	"pgregory.net/rapid"

	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/test/pods/random"
	"userscope.dev/userscope/webhook/scope"
)

// The webhook is called for the creation of exactly the Pods that some policy governs.
func TestCalledForGovernedPods(t *testing.T) {
	seen := map[string]int{}
	generator := random.Creations(called)
	rapid.Check(t, func(t *rapid.T) {
		s := withName(generator.Draw(t, "request"))
		_, err := create(t, s)
		if isOfPlugin(err) {
			return
		}
		pod, ok := served(s.Raw())
		wasCalled := calls.take(call{admissionv1.Create, s.Request.Namespace, nameOf(s.Pod), ""})
		if want := ok && len(oracle.Governed(s.In.Oracle, s.Request, pod)) > 0; wasCalled != want {
			t.Fatalf("called: %t, want %t, and answered with %v\n%s", wasCalled, want, err, s)
		}
		seen[map[bool]string{true: "called", false: "not called"}[wasCalled]]++
	})
	enough(t, seen, "called", "not called")
}

// The backstop lets pass whatever the decision leaves.
func TestWhatTheDecisionLeavesPasses(t *testing.T) {
	seen := map[string]int{}
	generator := random.Creations(backed)
	rapid.Check(t, func(t *rapid.T) {
		s := withName(generator.Draw(t, "request"))
		outcome, err := s.In.Create(s.Request, s.Raw())
		if err != nil || outcome.Final == nil {
			seen["refused by the decision"]++
			return
		}
		if err := s.Replace(outcome.Final); err != nil {
			t.Fatal(err)
		}
		if _, err = create(t, s); Refuses(err) {
			t.Fatalf("%v\n%s", err, s)
		}
		if err == nil {
			seen["passes, "+string(outcome.Decision.Verdict)]++
		} else {
			seen["invalid"]++
		}
	})
	enough(t, seen, "passes, ungoverned", "passes, allowed", "passes, rewritten")
}

// What breaks I1, I2, I3 or I4 does not pass the backstop, and what the decision would leave as it is
// does.
func TestWhatBreaksAnInvariantIsRefused(t *testing.T) {
	seen := map[string]int{}
	generator := random.Undone(backed)
	rapid.Check(t, func(t *rapid.T) {
		s := withName(generator.Draw(t, "request"))
		final, err := create(t, s)
		switch {
		case err == nil:
			if findings := broken(s, final); len(findings) > 0 {
				t.Fatalf("it passes:\n%s\n%s", strings.Join(findings, "\n"), s)
			}
			seen["passes"]++
		case Refuses(err):
			outcome, failed := s.In.Create(s.Request, s.Raw())
			if failed != nil {
				t.Fatal(failed)
			}
			if decision := outcome.Decision; decision.Verdict != scope.Refused && len(decision.Edits) == 0 {
				t.Fatalf("refused without need: %v\n%s", err, s)
			}
			seen["refused"]++
		default:
			seen["invalid"]++
		}
	})
	enough(t, seen, "passes", "refused")
}

// broken returns the oracle's findings of I1 to I4 about a Pod as it is stored.
func broken(s *random.Sample, pod object) []string {
	findings := oracle.Judge(s.In.Oracle, s.Request, pod, pod)
	return slices.DeleteFunc(findings, func(finding string) bool { return finding[:2] > "I4" })
}

// A batch that is the same each time shows that the backstop refuses for every rule about new Pods,
// and names it.
func TestEveryRuleRefuses(t *testing.T) {
	// Whose a Pod is was decided before; of a mount of tomorrow the API server of today knows nothing.
	others := []scope.Rule{
		scope.RuleIdentityMissing, scope.RuleIdentityConflict, scope.RuleIdentityUnproven, scope.RuleUnknownField,
		scope.RuleImmutableField, scope.RuleEphemeralContainer, scope.RuleDeleteNotSandbox,
	}
	named := regexp.MustCompile(`(?:userscope: |; )([a-z-]+): `)
	left := slices.DeleteFunc(scope.Rules(), func(rule scope.Rule) bool { return slices.Contains(others, rule) })
	generator := random.Undone(backed)
	for seed := 0; len(left) > 0 && seed < 10000; seed++ {
		s := withName(generator.Example(seed))
		_, err := ask(t.Context(), s.Request, http.MethodPost, "pods", s.Raw())
		if !Refuses(err) {
			continue
		}
		for _, found := range named.FindAllStringSubmatch(err.Error(), -1) {
			rule := scope.Rule(found[1])
			if !slices.Contains(scope.Rules(), rule) || slices.Contains(others, rule) {
				t.Errorf("%s is no rule about new Pods: %v", rule, err)
			}
			left = slices.DeleteFunc(left, func(other scope.Rule) bool { return other == rule })
		}
	}
	if len(left) > 0 {
		t.Errorf("no Pod is refused for %v", left)
	}
}
