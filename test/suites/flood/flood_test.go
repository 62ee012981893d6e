//go:build !race

package flood

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/kit/usage"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

var (
	hostileClients = flag.Int("hostile", 60, "how many hostile clients there are")
	floodFor       = flag.Duration("for", 5*time.Second, "how long they go on")
)

func TestMain(m *testing.M) {
	if told := os.Getenv(hostileVariable); told != "" {
		if err := hostile(told); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// memoryLimit is what the chart lets a replica have, in bytes.
func memoryLimit(t *testing.T) int64 {
	t.Helper()
	file, err := repo.Path("manifests", "chart", "values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var values struct {
		Resources struct{ Limits struct{ Memory string } }
	}
	if err := yaml.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	limit, err := resource.ParseQuantity(values.Resources.Limits.Memory)
	if err != nil {
		t.Fatal(err)
	}
	return limit.Value()
}

// asInstalled gives the programs that the test starts the environment that the chart gives them: GOMEMLIMIT is
// $(MEMORY_LIMIT_MIB)000000 there.
func asInstalled(t *testing.T) {
	t.Helper()
	t.Setenv("GOMEMLIMIT", fmt.Sprintf("%d000000", memoryLimit(t)>>20))
}

// startWebhook starts the webhook as it is installed.
func startWebhook(t *testing.T, args ...string) *webhookprocess.Webhook {
	t.Helper()
	asInstalled(t)
	webhook, err := webhookprocess.Start(t.Context(), webhookprocess.Options{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { webhook.Kill() })
	return webhook
}

// wantUnharmed holds the process to be the one that was started, within its memory, and able to end. It returns
// the most memory that it had.
func wantUnharmed(t *testing.T, webhook *webhookprocess.Webhook) string {
	t.Helper()
	select {
	case <-webhook.Done():
		t.Fatalf("the webhook has ended: %v", webhook.Wait())
	default:
	}
	peak, err := usage.PeakRSS(webhook.PID())
	if err != nil {
		t.Fatal(err)
	}
	limit := memoryLimit(t)
	if peak > limit {
		t.Errorf("the webhook had %d MiB, and the chart gives it %d", peak>>20, limit>>20)
	}
	if err := webhook.Stop(); err != nil {
		t.Error(err)
	}
	return fmt.Sprintf("%d of %d MiB", peak>>20, limit>>20)
}

// honestClients are how many clients send what API servers send.
const honestClients = 8

// served is what became of the honest clients' requests.
type served struct {
	mu     sync.Mutex
	took   []time.Duration
	failed []string
}

// ask sends ordinary requests until ctx ends.
func (s *served) ask(ctx context.Context, address string) {
	transport := &http.Transport{TLSClientConfig: insecure}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second} // as the configurations have it
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for ctx.Err() == nil {
		started := time.Now()
		code := post(context.WithoutCancel(ctx), client, address, ordinary())
		took := time.Since(started)
		s.mu.Lock()
		s.took = append(s.took, took)
		if code != "200" {
			s.failed = append(s.failed, fmt.Sprintf("%s after %s", code, took))
		}
		s.mu.Unlock()
		<-pause.C
	}
}

// p99 is the time within which 99 of 100 were answered.
func (s *served) p99() time.Duration {
	slices.Sort(s.took)
	return s.took[len(s.took)*99/100]
}

// Hostile clients of one address neither end the webhook nor keep it from those of another.
func TestFlood(t *testing.T) {
	webhook := startWebhook(t)
	await := startHostile(t, hostility{Address: webhook.Address, Clients: *hostileClients, For: *floodFor})
	ctx, end := context.WithTimeout(t.Context(), *floodFor)
	defer end()
	var honest served
	var clients sync.WaitGroup
	for range honestClients {
		clients.Go(func() { honest.ask(ctx, webhook.Address) })
	}
	clients.Wait()
	attempts := await()

	total := 0
	for _, n := range attempts {
		total += n
	}
	outcomes := []string{"200", "403", "413", "429"}
	if *floodFor > 30*time.Second { // more than any deadline
		outcomes = append(outcomes, closed)
	}
	for _, outcome := range outcomes {
		if attempts[outcome] == 0 {
			t.Errorf("no attempt had the outcome %s: %v", outcome, attempts)
		}
	}
	if len(honest.failed) > 0 {
		t.Errorf("%d of %d honest requests failed: %s", len(honest.failed), len(honest.took), strings.Join(honest.failed[:min(5, len(honest.failed))], "; "))
	}
	if p99 := honest.p99(); p99 > time.Second {
		t.Errorf("99 of 100 honest requests were answered within %s only", p99)
	}
	peak := wantUnharmed(t, webhook)
	t.Logf("%d hostile clients for %s: %d attempts %v; %d honest clients: %d requests, %d failed, p99 %s; memory at most %s",
		*hostileClients, *floodFor, total, attempts, honestClients, len(honest.took), len(honest.failed), honest.p99().Round(time.Millisecond), peak)
}

// Bodies that lack their last byte are given up in time, and keep no webhook that is told to end from ending.
func TestAlmostCompleteBodies(t *testing.T) {
	const bodies = 30
	webhook := startWebhook(t, "--read-timeout", "3s")
	got := outcomes{}
	results := make(chan string)
	send := func() {
		for range bodies {
			go func() { results <- halfABody(t.Context(), webhook.Address) }()
		}
	}
	send()
	for range bodies {
		got[<-results]++
	}
	if got["408"] == 0 || got["408"]+got["429"]+got[closed] != bodies {
		t.Errorf("the bodies that never came were answered %v, want 408, or 429 where they hold too much", got)
	}
	send()
	peak := wantUnharmed(t, webhook) // ends it
	for range bodies {
		<-results
	}
	t.Logf("%d bodies: %v; memory at most %s", bodies, got, peak)
}
