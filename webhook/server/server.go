package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
)

// The paths of the webhook. Both answer alike: MutatePath is for the creation of Pods, which may
// be rewritten, ValidatePath for all that is only allowed or refused.
const (
	MutatePath   = "/mutate"
	ValidatePath = "/validate"
)

var logger = ctrllog.Log.WithName("server")

// Certificates are what the webhook serves, from one moment to the next.
type Certificates interface {
	// GetCertificate is for tls.Config.
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Watch follows the certificate until ctx ends.
	Watch(ctx context.Context) error
	// Check reports why an API server would not take the chain that it is shown.
	Check(chain []*x509.Certificate) error
}

// Server serves the webhook and its health.
type Server struct {
	options      Options
	certificates Certificates
	webhook      ctrlwebhook.Server
	health       Health
	draining     atomic.Bool
}

// New returns a server of AdmissionReviews and of the gathered metrics. The error reports
// the options' mistakes.
func New(options Options, certificates Certificates, reviews http.Handler, metrics prometheus.Gatherer) (*Server, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	host, port, _ := splitAddress(options.Listen) // is valid
	s := &Server{
		options:      options,
		certificates: certificates,
		webhook: ctrlwebhook.NewServer(ctrlwebhook.Options{
			Host: host, Port: port,
			TLSOpts: []func(*tls.Config){func(c *tls.Config) { c.GetCertificate = certificates.GetCertificate }},
		}),
	}
	s.webhook.Register(MutatePath, s.parting(reviews))
	s.webhook.Register(ValidatePath, s.parting(reviews))
	s.health = Health{Listen: options.ListenHealth, Ready: s.ready, Metrics: metrics}
	return s, nil
}

// Run serves until ctx ends, drains, and returns nil; or it returns early with what went
// wrong. Draining means that the server is no longer ready but serves on for the drain delay,
// so that whoever still sends requests is answered; then the listener closes and requests in
// flight are waited for.
func (s *Server) Run(ctx context.Context) error {
	healthListener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.options.ListenHealth)
	if err != nil {
		return named("--listen-health", s.options.ListenHealth, err)
	}

	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	healthy, hide := context.WithCancel(context.WithoutCancel(ctx)) // to the end of the last request
	defer hide()
	health, webhook := make(chan error, 1), make(chan error, 1)
	go func() { health <- s.health.serve(healthy, healthListener) }()
	go func() { webhook <- s.webhook.Start(serving) }()
	go func() {
		if err := s.certificates.Watch(serving); err != nil {
			logger.Error(err, "changes of the certificate may be seen late")
		}
	}()

	// The drain delay begins when ctx ends; until then the channel is nil and never ready.
	ended, drained := ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case err := <-webhook:
			return named("--listen", s.options.Listen, err)
		case err := <-health:
			stop()
			return errors.Join(err, named("--listen", s.options.Listen, <-webhook))
		case <-ended:
			logger.Info("draining", "delay", s.options.DrainDelay.String())
			s.draining.Store(true)
			ended, drained = nil, time.After(s.options.DrainDelay)
		case <-drained:
			stop()
			err := <-webhook
			logger.Info("drained")
			return named("--listen", s.options.Listen, err)
		}
	}
}

// parting sends clients away with their answers while the server drains. API servers keep their
// connections, which no Service moves to another Pod, and never repeat a request: one that they write into a
// connection in the moment in which it is closed fails, and with it a Pod.
func (s *Server) parting(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close") // for HTTP/2, net/http makes a GOAWAY of it
		}
		handler.ServeHTTP(w, r)
	})
}

// named says of a listener's error which listener it is.
func named(flag, address string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", flag, address, err)
}
