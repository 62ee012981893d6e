package webhookprocess

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/pki"
	"userscope.dev/userscope/test/kit/repo"
)

// The Service that the webhook's certificate names.
const (
	ServiceName      = "userscope"
	ServiceNamespace = "userscope-system"
)

// binaryVariable names another program to test than the repository's bin/userscope.
const binaryVariable = "USERSCOPE_BINARY"

// Options are what may differ between webhooks.
type Options struct {
	// Policy is the policy file, by default DeerFlow's, which the project ships.
	Policy string

	// Args are further arguments of `userscope webhook`. They prevail over those that Start
	// sets, of which --drain-delay is 0s.
	Args []string
}

// Webhook is a running `userscope webhook`.
type Webhook struct {
	// Dir holds its certificate, by the names of package pki, and its log.
	Dir string
	// Address and HealthAddress are HOST:PORT of its two listeners.
	Address, HealthAddress string
	// CA is what its certificate chains to, as PEM.
	CA []byte
	// ReadyAfter is how long the program took, from its start, until it said that it is ready.
	ReadyAfter time.Duration
	// Process is the program.
	*cleanup.Process

	dir *cleanup.Dir
}

// Start starts the webhook on free ports and returns when it is ready. It ends with this
// process.
func Start(ctx context.Context, options Options) (*Webhook, error) {
	program, err := Binary()
	if err != nil {
		return nil, err
	}
	if options.Policy == "" {
		if options.Policy, err = repo.Path("manifests", "policies", "deerflow.yaml"); err != nil {
			return nil, err
		}
	}
	var w *Webhook
	err = cleanup.Retry(func() error {
		w = &Webhook{}
		if err := w.start(ctx, program, options); err != nil {
			return errors.Join(err, w.remove())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("start the webhook: %w", err)
	}
	return w, nil
}

func (w *Webhook) start(ctx context.Context, program string, options Options) (err error) {
	if w.dir, err = cleanup.MkdirTemp("userscope-webhook-"); err != nil {
		return err
	}
	w.Dir = w.dir.Path
	if w.CA, err = pki.WriteServing(w.Dir, "127.0.0.1", ServiceName+"."+ServiceNamespace+".svc"); err != nil {
		return err
	}
	if w.Address, err = freeAddress(); err != nil {
		return err
	}
	if w.HealthAddress, err = freeAddress(); err != nil {
		return err
	}
	began := time.Now()
	w.Process, err = cleanup.Start(w.Dir, program, append([]string{
		"webhook",
		"--policy", options.Policy,
		"--cert-dir", w.Dir,
		"--listen", w.Address,
		"--listen-health", w.HealthAddress,
		"--service-name", ServiceName,
		"--service-namespace", ServiceNamespace,
		"--drain-delay", "0s",
	}, options.Args...)...)
	if err != nil {
		return err
	}
	err = cleanup.AwaitReady(ctx, w.ready, w.Process)
	w.ReadyAfter = time.Since(began)
	return err
}

// ready asks the webhook whether it is.
func (w *Webhook) ready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.HealthAddress+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz: %s: %s", response.Status, body)
	}
	return nil
}

// grace is how long the webhook may take to drain.
const grace = 30 * time.Second

// Stop ends the webhook as Kubernetes does and removes its directory. It is an error if the
// webhook does not end well: with a code other than 0, or not at all.
func (w *Webhook) Stop() error { return errors.Join(w.Process.Stop(grace), w.dir.Remove()) }

// remove ends a webhook that did not become ready.
func (w *Webhook) remove() error {
	if w.Process != nil {
		w.Kill()
	}
	if w.dir == nil {
		return nil
	}
	return w.dir.Remove()
}

// Binary finds the program under test: it returns its path.
func Binary() (string, error) {
	if program := os.Getenv(binaryVariable); program != "" {
		return program, nil
	}
	program, err := repo.Path("bin", "userscope")
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(program); err != nil {
		return "", fmt.Errorf("%w: run `make build`, or set %s", err, binaryVariable)
	}
	return program, nil
}

func freeAddress() (string, error) {
	port, err := cleanup.FreePort()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}
