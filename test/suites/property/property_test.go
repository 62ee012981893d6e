package property

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/random"
	"userscope.dev/userscope/webhook/scope"
)

// drawn is how many requests are drawn, unless the command line says so. With -short, rapid draws a fifth.
const drawn = "10000"

// batch is how many requests are drawn that are the same each time.
var batch = 20000

// TestMain raises rapid's hundred Pods, and keeps rapid from leaving files in the tree: what it
// prints is enough to find a failure again. The command line has the last word.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": drawn, "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	flag.Parse() // which testing.Short asks for
	if testing.Short() {
		batch = 3000
	}
	os.Exit(m.Run())
}

// Whatever is sent, the outcome is one that the oracle cannot find fault with, and what is known
// to be good is not refused.
func TestCreate(t *testing.T) {
	generator := random.Creations(installations(t))
	rapid.Check(t, func(t *rapid.T) {
		s := generator.Draw(t, "request")
		if problems, _ := try(s); len(problems) > 0 {
			t.Fatalf("%s\n%s", strings.Join(problems, "\n"), s)
		}
	})
}

// The same for a batch that is the same each time; and the batch shows that the generator
// reaches every rule, and Pods of every fate.
func TestCreateReachesEveryRule(t *testing.T) {
	generator := random.Creations(installations(t))
	verdicts, rules := map[scope.Verdict]int{}, map[scope.Rule]int{}
	for seed := range batch {
		s := generator.Example(seed)
		problems, outcome := try(s)
		if len(problems) > 0 {
			t.Fatalf("seed %d: %s\n%s", seed, strings.Join(problems, "\n"), s)
		}
		verdicts[outcome.Decision.Verdict]++
		for _, violation := range outcome.Decision.Violations {
			rules[violation.Rule]++
		}
	}
	for verdict, least := range map[scope.Verdict]int{
		scope.Ungoverned: batch / 20, scope.Allowed: batch / 10, scope.Rewritten: batch / 10, scope.Refused: batch / 5,
	} {
		t.Logf("%s: %d", verdict, verdicts[verdict])
		if verdicts[verdict] < least {
			t.Errorf("%s: %d of %d Pods, want at least %d", verdict, verdicts[verdict], batch, least)
		}
	}
	others := []scope.Rule{scope.RuleImmutableField, scope.RuleEphemeralContainer, scope.RuleDeleteNotSandbox}
	for _, rule := range scope.Rules() {
		t.Logf("%s: %d", rule, rules[rule])
		if rules[rule] < batch/1000 && !slices.Contains(others, rule) {
			t.Errorf("%s: only %d refusals", rule, rules[rule])
		}
	}
}

// FuzzCreate is TestCreate with choices that Go's fuzzing makes, which looks for those that lead
// somewhere new.
func FuzzCreate(f *testing.F) {
	generator := random.Creations(installations(f))
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		s := generator.Draw(t, "request")
		if problems, _ := try(s); len(problems) > 0 {
			t.Fatalf("%s\n%s", strings.Join(problems, "\n"), s)
		}
	}))
}

// try makes the request and returns what is wrong with the outcome.
func try(s *random.Sample) ([]string, *differential.Outcome) {
	outcome, err := s.In.Create(s.Request, s.Raw())
	if err != nil {
		return []string{"the generator made no Pod: " + err.Error()}, nil
	}
	problems := outcome.Problems
	if s.Good && outcome.Decision.Verdict == scope.Refused {
		problems = append(problems, "a good Pod is refused: "+describe(outcome.Decision.Violations))
	}
	return problems, outcome
}

func describe(violations []scope.Violation) string {
	var text []string
	for _, v := range violations {
		text = append(text, string(v.Rule)+": "+v.Path+": "+v.Value+": "+v.Message)
	}
	return strings.Join(text, "; ")
}

func installations(t rapid.TB) []differential.Installation {
	t.Helper()
	all, err := differential.Installations()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
