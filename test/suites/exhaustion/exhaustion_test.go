package exhaustion

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/webhook/scope"
)

// oneIn is a prime number, as is sample, so that every letter is used beside every other. Each run tries
// other Pods; with 1, all of them.
var oneIn = flag.Int("one-in", 11, "try one Pod in so many")

// One Pod in so many is enough for the race detector, and to notice a decision that is broken.
const sample = 101

// Not one of all the Pods comes out in a way that the oracle finds fault with, and none that is
// known to be good is refused.
func TestEveryPod(t *testing.T) {
	// There is nothing but garbage, and plenty of room for it.
	defer debug.SetGCPercent(debug.SetGCPercent(400))

	stride, start := *oneIn, 0
	if testing.Short() {
		stride = max(stride, sample)
	}
	if stride > 1 {
		start = rand.IntN(stride) //nolint:gosec // no secret depends on the number
		t.Logf("one Pod in %d, from number %d", stride, start)
	}
	least := 1_500_000 / stride
	all := 0
	for name, letters := range alphabets {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			in := installation(t, letters)
			fates, problem := try(letters, in, differential.By(in.Policies), start, stride)
			if problem != "" {
				t.Fatal(problem)
			}
			tried := fates.tried()
			all += tried
			t.Logf("%d Pods in %s, of which %d are known to be good", tried, time.Since(began).Round(time.Second), fates.good)
			for _, verdict := range []scope.Verdict{scope.Ungoverned, scope.Allowed, scope.Rewritten, scope.Refused} {
				t.Logf("%-10s %8d  %4.1f %%", verdict, fates.verdicts[verdict], 100*float64(fates.verdicts[verdict])/float64(tried))
			}
			if passed := fates.verdicts[scope.Allowed] + fates.verdicts[scope.Rewritten]; passed < tried/20 || fates.good < tried/60 {
				t.Errorf("of %d Pods %d pass and %d are good: most letters harm", tried, passed, fates.good)
			}
		})
	}
	if all < least {
		t.Errorf("only %d Pods were tried, want %d", all, least)
	}
}

// fates count what became of Pods.
type fates struct {
	verdicts map[scope.Verdict]int
	good     int
}

func (f fates) tried() int {
	sum := 0
	for _, n := range f.verdicts {
		sum += n
	}
	return sum
}

// try has one Pod in stride judged by a decision, from one on, until one comes out wrong.
func try(letters alphabet, in differential.Installation, decide differential.Decide, start, stride int) (fates, string) {
	var (
		next    atomic.Int64
		mu      sync.Mutex
		all     = fates{verdicts: map[scope.Verdict]int{}}
		problem string
		workers sync.WaitGroup
	)
	work := func() {
		mine := fates{verdicts: map[scope.Verdict]int{}}
		take := func() int { return start + int(next.Add(1)-1)*stride }
		for number := take(); number < letters.count(); number = take() {
			pod, ok := letters.pod(number)
			if !ok {
				continue
			}
			verdict, found := tryPod(in, decide, pod)
			mine.verdicts[verdict]++
			if pod.good {
				mine.good++
			}
			if found != "" {
				mu.Lock()
				problem = found + "\n" + pod.request.Username + "\n" + string(pod.raw)
				mu.Unlock()
				next.Store(int64(letters.count()))
			}
		}
		mu.Lock()
		defer mu.Unlock()
		all.good += mine.good
		for verdict, n := range mine.verdicts {
			all.verdicts[verdict] += n
		}
	}
	for range runtime.GOMAXPROCS(0) {
		workers.Go(work)
	}
	workers.Wait()
	return all, problem
}

// tryPod has one Pod judged and returns what is wrong with the outcome.
func tryPod(in differential.Installation, decide differential.Decide, pod written) (scope.Verdict, string) {
	outcome, err := in.CreateBy(decide, pod.request, pod.raw)
	if err != nil {
		return "", err.Error()
	}
	problems := outcome.Problems
	if pod.good && outcome.Decision.Verdict == scope.Refused {
		problems = append(problems, fmt.Sprintf("a good Pod is refused: %+v", outcome.Decision.Violations))
	}
	return outcome.Decision.Verdict, strings.Join(problems, "\n")
}

func installation(t *testing.T, letters alphabet) differential.Installation {
	t.Helper()
	in, err := letters.load()
	if err != nil {
		t.Fatal(err)
	}
	return in
}
