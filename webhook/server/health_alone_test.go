package server_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"userscope.dev/userscope/webhook/server"
)

// Health serves without a webhook too: as ready as it is told, until it is told to end.
func TestHealthAlone(t *testing.T) {
	var notReady atomic.Pointer[string]
	health := server.Health{
		Listen: freeAddress(t),
		Ready: func(context.Context) error {
			if reason := notReady.Load(); reason != nil {
				return errors.New(*reason)
			}
			return nil
		},
		Metrics: prometheus.NewRegistry(),
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	ended := make(chan error, 1)
	go func() { ended <- health.Run(ctx) }()

	expect := func(path string, code int, body string) {
		t.Helper()
		want := fmt.Sprint(code, " ", body)
		await(t, path+" to be "+want, func() (bool, any) {
			code, body := get(health.Listen, path)
			got := fmt.Sprint(code, " ", body)
			return got == want, got
		})
	}
	expect("/readyz", http.StatusOK, "ok")
	notReady.Store(new("the Secret is not there"))
	expect("/readyz", http.StatusServiceUnavailable, "not ready: the Secret is not there")
	expect("/healthz", http.StatusOK, "ok")
	expect("/metrics", http.StatusOK, "")

	end()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it did not end")
	}
	if code, body := get(health.Listen, "/healthz"); code != 0 {
		t.Errorf("/healthz is %d %s after the end", code, body)
	}
}

// An address that cannot be had is named by its flag.
func TestHealthCannotListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	want := fmt.Sprintf("--listen-health %s: listen tcp %[1]s: bind: address already in use", taken.Addr())
	if err := (server.Health{Listen: taken.Addr().String()}).Run(t.Context()); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}

	want = `--listen-health: "8081": want HOST:PORT or :PORT`
	if err := (server.Health{Listen: "8081"}).Validate(); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
