package property

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/random"
	"userscope.dev/userscope/webhook/scope"
)

func TestUpdate(t *testing.T) {
	rules := []scope.Rule{scope.RuleImmutableField, scope.RuleLabel, scope.RuleAnnotation}
	checkOperations(t, rules, random.Updates, func(o *random.Operation) (*differential.Outcome, error) {
		return o.In.Update(o.Request, o.Stored, o.Raw())
	})
}

// Nothing is added to a sandbox, and what it has after an update keeps the invariants.
func TestRespecify(t *testing.T) {
	generator := random.Respecifications(random.Stored(installations(t)))
	verdicts := map[scope.Verdict]int{}
	check := func(t rapid.TB, o *random.Operation) {
		t.Helper()
		outcome, err := o.In.Respecify(o.Request, o.Stored, o.Raw())
		if err != nil {
			t.Fatalf("the generator made no Pod: %v\n%s", err, o)
		}
		if len(outcome.Problems) > 0 {
			t.Fatalf("%s\nstored: %s\n%s", strings.Join(outcome.Problems, "\n"), o.Stored, o)
		}
		verdicts[outcome.Decision.Verdict]++
	}
	rapid.Check(t, func(t *rapid.T) { check(t, generator.Draw(t, "operation")) })
	for seed := range batch / 5 {
		check(t, generator.Example(seed))
	}
	t.Log(verdicts)
	for _, verdict := range []scope.Verdict{scope.Ungoverned, scope.Allowed, scope.Refused} {
		if verdicts[verdict] < batch/250 {
			t.Errorf("%s: %d, want at least %d", verdict, verdicts[verdict], batch/250)
		}
	}
}

func TestDelete(t *testing.T) {
	checkOperations(t, []scope.Rule{scope.RuleDeleteNotSandbox}, random.Deletions, func(o *random.Operation) (*differential.Outcome, error) {
		return o.In.Delete(o.Request, o.Stored)
	})
}

func TestAddEphemeralContainers(t *testing.T) {
	rules := []scope.Rule{scope.RuleEphemeralContainer, scope.RuleSecret, scope.RuleConfigMap, scope.RuleClaimMount}
	checkOperations(t, rules, random.Debuggers, func(o *random.Operation) (*differential.Outcome, error) {
		outcome, err := o.In.AddEphemeralContainers(o.Request, o.Stored, o.Raw())
		if err == nil && o.Good && outcome.Decision.Verdict == scope.Refused {
			outcome.Problems = append(outcome.Problems, "a good container is refused: "+describe(outcome.Decision.Violations))
		}
		return outcome, err
	})
}

// checkOperations tries one operation on drawn Pods, and on a batch that is the same each time,
// which shows that the operation passes, and is refused for each of its rules and no other.
func checkOperations(
	t *testing.T, rules []scope.Rule,
	generatorOf func(stored *rapid.Generator[*random.Sample]) *rapid.Generator[*random.Operation], do func(*random.Operation) (*differential.Outcome, error),
) {
	generator := generatorOf(random.Stored(installations(t)))
	check := func(t rapid.TB, o *random.Operation) *differential.Outcome {
		t.Helper()
		outcome, err := do(o)
		if err != nil {
			t.Fatalf("the generator made no Pod: %v\n%s", err, o)
		}
		if len(outcome.Problems) > 0 {
			t.Fatalf("%s\nstored: %s\n%s", strings.Join(outcome.Problems, "\n"), o.Stored, o)
		}
		return outcome
	}
	rapid.Check(t, func(t *rapid.T) { check(t, generator.Draw(t, "operation")) })

	size := batch / 5
	verdicts, refused := map[scope.Verdict]int{}, map[scope.Rule]int{}
	for seed := range size {
		outcome := check(t, generator.Example(seed))
		verdicts[outcome.Decision.Verdict]++
		for _, violation := range outcome.Decision.Violations {
			refused[violation.Rule]++
			if !slices.Contains(rules, violation.Rule) {
				t.Errorf("seed %d: refused for %s", seed, violation.Rule)
			}
		}
	}
	t.Log(verdicts, refused)
	for _, rule := range rules {
		if refused[rule] < size/100 {
			t.Errorf("%s: %d of %d, want at least %d", rule, refused[rule], size, size/100)
		}
	}
	for _, verdict := range []scope.Verdict{scope.Ungoverned, scope.Allowed, scope.Refused} {
		if verdicts[verdict] < size/50 {
			t.Errorf("%s: %d of %d, want at least %d", verdict, verdicts[verdict], size, size/50)
		}
	}
}
