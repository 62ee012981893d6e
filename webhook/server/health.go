package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"userscope.dev/userscope/webhook/limits"
)

// Health serves what the kubelet and Prometheus ask for, over plain HTTP.
type Health struct {
	// Listen is the HOST:PORT of /healthz, /readyz and /metrics.
	Listen string
	// Ready reports why the process is not ready.
	Ready func(context.Context) error
	// Metrics are served.
	Metrics prometheus.Gatherer
}

// Validate reports a mistake in the address.
func (h Health) Validate() error {
	if err := CheckAddress(h.Listen); err != nil {
		return fmt.Errorf("--listen-health: %w", err)
	}
	return nil
}

// Run serves until ctx ends. The error says why it could not.
func (h Health) Run(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", h.Listen)
	if err != nil {
		return named("--listen-health", h.Listen, err)
	}
	return h.serve(ctx, listener)
}

func (h Health) serve(ctx context.Context, listener net.Listener) error {
	s := &http.Server{
		Handler:           h.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       90 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ConnState:         changed,
		ErrorLog:          log.New(&seldomLog{}, "", 0),
	}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = s.Close()
	})
	defer stop()
	err := s.Serve(newConnections(listener, maxHealthConnections, func() {}))
	if ctx.Err() != nil {
		<-closed // connections outlive Serve
		return nil
	}
	return named("--listen-health", h.Listen, err)
}

// maxHealthConnections are enough for a kubelet and a few that scrape.
const maxHealthConnections = 64

// maxHealthAnswers is how many answers are made at once that cost more than a line.
const maxHealthAnswers = 2

// handler serves the paths. Liveness says only that the process lives: one that waits for its
// certificate must not be killed for it.
func (h Health) handler() http.Handler {
	turns := limits.NewTurns(maxHealthAnswers)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /readyz", inTurn(turns, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h.Ready(r.Context()); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})))
	mux.Handle("GET /metrics", inTurn(turns, promhttp.HandlerFor(h.Metrics, promhttp.HandlerOpts{})))
	return mux
}

// inTurn keeps a peer that asks without end from having all the answers.
func inTurn(turns *limits.Turns, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if turns.Take(r.Context(), limits.Peer(r)) != nil {
			return // nobody waits for the answer any more
		}
		defer turns.Give()
		handler.ServeHTTP(w, r)
	})
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
	chain, err := s.shown(ctx)
	if err != nil || s.certificates.Check(chain) == nil {
		return err
	}
	// The certificate may have been replaced since it was shown, with its CA.
	if chain, err = s.shown(ctx); err != nil {
		return err
	}
	return s.certificates.Check(chain)
}

// shown is the chain that API servers are shown now.
func (s *Server) shown(ctx context.Context) ([]*x509.Certificate, error) {
	dialer := tls.Dialer{Config: &tls.Config{
		ServerName: s.options.ServiceHost(),
		// Nothing is sent, and whose certificate it is, is looked at below.
		InsecureSkipVerify: true, //nolint:gosec // see above
	}}
	conn, err := dialer.DialContext(ctx, "tcp", s.options.Listen)
	if err != nil {
		return nil, fmt.Errorf("TLS handshake with %s: %w", s.options.Listen, err)
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates, nil
}
