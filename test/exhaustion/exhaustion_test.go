package exhaustion

import (
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"userscope.dev/userscope/test/trial"
	"userscope.dev/userscope/webhook/scope"
)

// Not one of all the Pods comes out in a way that the oracle finds fault with.
func TestEveryPod(t *testing.T) {
	// There is nothing but garbage, and plenty of room for it.
	defer debug.SetGCPercent(debug.SetGCPercent(400))

	start := time.Now()
	verdicts, problem := try(t, deerFlow(t).Policies.Create, stride)
	if problem != "" {
		t.Fatal(problem)
	}
	tried := 0
	for _, n := range verdicts {
		tried += n
	}
	t.Logf("%d Pods in %s", tried, time.Since(start).Round(time.Second))
	if tried < least {
		t.Errorf("only %d Pods were tried, want %d", tried, least)
	}
	for _, verdict := range []scope.Verdict{scope.Ungoverned, scope.Allowed, scope.Rewritten, scope.Refused} {
		t.Logf("%-10s %8d  %4.1f %%", verdict, verdicts[verdict], 100*float64(verdicts[verdict])/float64(tried))
		if verdicts[verdict] < tried/200 {
			t.Errorf("%s: %d of %d Pods", verdict, verdicts[verdict], tried)
		}
	}
}

// try has one Pod in stride judged by a decision, until one comes out wrong.
func try(t *testing.T, decide trial.Decide, stride int) (map[scope.Verdict]int, string) {
	t.Helper()
	in := deerFlow(t)
	var (
		next     atomic.Int64
		mu       sync.Mutex
		verdicts = map[scope.Verdict]int{}
		problem  string
		workers  sync.WaitGroup
	)
	work := func() {
		mine := map[scope.Verdict]int{}
		for number := int(next.Add(1)-1) * stride; number < count(); number = int(next.Add(1)-1) * stride {
			request, raw := pod(number)
			outcome, err := in.CreateBy(decide, request, raw)
			if err != nil {
				outcome = &trial.Outcome{Problems: []string{err.Error()}}
			}
			mine[outcome.Decision.Verdict]++
			if len(outcome.Problems) > 0 {
				mu.Lock()
				problem = strings.Join(outcome.Problems, "\n") + "\n" + request.Username + "\n" + string(raw)
				mu.Unlock()
				next.Store(int64(count()))
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for verdict, n := range mine {
			verdicts[verdict] += n
		}
	}
	for range runtime.GOMAXPROCS(0) {
		workers.Go(work)
	}
	workers.Wait()
	return verdicts, problem
}

func deerFlow(t *testing.T) trial.Installation {
	t.Helper()
	in, err := trial.DeerFlow()
	if err != nil {
		t.Fatal(err)
	}
	return in
}
