package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// healthHandler serves what the kubelet and Prometheus ask for. Liveness says only that the
// process lives: one that waits for its certificate must not be killed for it.
func (s *Server) healthHandler(metrics prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := s.ready(r.Context()); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return mux
}

// handshakeTimeout bounds the handshake with ourselves.
const handshakeTimeout = 2 * time.Second

// ready reports why an API server should not send requests here: it calls the webhook as an
// API server would and looks at the certificate that it is shown.
func (s *Server) ready(ctx context.Context) error {
	if s.draining.Load() {
		return errors.New("the server is draining")
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()

	host := s.options.serviceHost()
	dialer := tls.Dialer{Config: &tls.Config{
		ServerName: host,
		// Nothing is sent, and whose certificate it is, is looked at below.
		InsecureSkipVerify: true, //nolint:gosec // see above
	}}
	conn, err := dialer.DialContext(ctx, "tcp", s.options.Listen)
	if err != nil {
		return fmt.Errorf("TLS handshake with %s: %w", s.options.Listen, err)
	}
	defer conn.Close()

	leaf := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	now := time.Now()
	switch {
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the certificate is valid only from %s", leaf.NotBefore.Format(time.RFC3339))
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate expired at %s", leaf.NotAfter.Format(time.RFC3339))
	case host == "":
		return nil
	}
	if err := leaf.VerifyHostname(host); err != nil {
		return fmt.Errorf("the certificate does not name the Service: %w", err)
	}
	return nil
}
