package rotation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/webhookprocess"
	"userscope.dev/userscope/webhook/server"
)

// get asks a health server. The error is the body of an answer other than 200, or why there is none.
func get(ctx context.Context, address, path string) (body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, content)
	}
	return string(content), err
}

// issuer is a running `userscope certs run`.
type issuer struct {
	*cleanup.Process
	health string
}

// startIssuer starts one, which ends with the test.
func startIssuer(t *testing.T, kubeconfig string, args ...string) *issuer {
	t.Helper()
	program, err := webhookprocess.Binary()
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{}
	err = cleanup.Retry(func() error {
		port, err := cleanup.FreePort()
		if err != nil {
			return err
		}
		i.health = fmt.Sprintf("127.0.0.1:%d", port)
		i.Process, err = cleanup.Start(t.TempDir(), program, append([]string{
			"certs", "run", "--kubeconfig", kubeconfig, "--interval", "200ms", "--listen-health", i.health,
		}, args...)...)
		if err != nil {
			return err
		}
		return cleanup.AwaitReady(t.Context(), func(ctx context.Context) error {
			_, err := get(ctx, i.health, "/healthz")
			return err
		}, i.Process)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Stop(30 * time.Second); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			log, err := os.ReadFile(i.LogFile)
			t.Logf("the issuer's log: %v\n%s", err, log)
		}
	})
	return i
}

// ready returns what the issuer says that a person must see to.
func (i *issuer) ready(ctx context.Context) error {
	_, err := get(ctx, i.health, "/readyz")
	return err
}

// awaitReport waits until the issuer says something, in its log and to probes.
func (i *issuer) awaitReport(t *testing.T, want string) {
	t.Helper()
	await(t, "the issuer reports: "+want, func(ctx context.Context) error {
		err := i.ready(ctx)
		if err == nil || !strings.Contains(err.Error(), want) {
			return fmt.Errorf("/readyz: %w", err)
		}
		log, err := os.ReadFile(i.LogFile)
		if err != nil {
			return err
		}
		if quoted := fmt.Sprintf("%q", want); !strings.Contains(string(log), quoted[1:len(quoted)-1]) {
			return errors.New("it is not in the log")
		}
		return nil
	})
}

// awaitPasses waits until the issuer has looked at the cluster, and acted, several times more.
func (i *issuer) awaitPasses(t *testing.T) {
	t.Helper()
	for n, last := 0, ""; n < 5; n++ {
		await(t, "the issuer looks again", func(ctx context.Context) error {
			metrics, err := get(ctx, i.health, "/metrics")
			if err != nil {
				return err
			}
			const name = "\nuserscope_issuer_last_pass_timestamp_seconds "
			_, value, found := strings.Cut(metrics, name)
			value, _, _ = strings.Cut(value, "\n")
			if !found || value == last {
				return fmt.Errorf("%s%s", name, value)
			}
			last = value
			return nil
		})
	}
}

// replica is a serving Pod: the webhook, with a directory of a kubelet's.
type replica struct {
	kubelet *kubelet

	mu      sync.Mutex
	webhook *webhookprocess.Webhook
}

// startReplica starts one as soon as there is a certificate, and has the Service lead to it.
func startReplica(t *testing.T, late time.Duration) *replica {
	t.Helper()
	r := &replica{kubelet: startKubelet(t, late)}
	select {
	case <-r.kubelet.written:
	case <-time.After(patience / 4):
		t.Fatal("no certificate comes for a replica to start with")
	}
	r.start(t)
	t.Cleanup(func() { r.stop(t) })
	return r
}

func (r *replica) start(t *testing.T) {
	t.Helper()
	webhook, err := webhookprocess.Start(t.Context(), webhookprocess.Options{Args: []string{"--cert-dir", r.kubelet.dir, "--drain-delay", server.DefaultDrainDelay.String()}})
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.webhook = webhook
	endpoints.add(webhook.Address)
}

// stop ends a Pod as Kubernetes does: nothing new is sent to it from about when it is told to end.
func (r *replica) stop(t *testing.T) {
	t.Helper()
	endpoints.remove(r.address())
	if err := r.webhook.Stop(); err != nil {
		t.Error(err)
	}
}

func (r *replica) address() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.webhook.Address
}

// watchReadiness fails the test if the replica is ever not ready, until the test ends. It is not to be
// stopped meanwhile.
func (r *replica) watchReadiness(t *testing.T, except ...string) {
	t.Helper()
	beside(t, 100*time.Millisecond, func(ctx context.Context) {
		_, err := get(ctx, r.webhook.HealthAddress, "/readyz")
		if err != nil && ctx.Err() == nil && !containsAny(err.Error(), except) {
			t.Errorf("a replica with a good certificate is not ready: %v", err)
		}
	})
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// kubeconfig is the issuer's.
func kubeconfig() string { return cluster.Kubeconfig(issuerUser) }
