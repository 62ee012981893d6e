package server

import (
	"context"
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

// Server serves the webhook and its health.
type Server struct {
	options  Options
	webhook  ctrlwebhook.Server
	health   *http.Server
	draining atomic.Bool
}

// New returns a server of AdmissionReviews and of the gathered metrics. The error reports
// the options' mistakes.
func New(options Options, reviews http.Handler, metrics prometheus.Gatherer) (*Server, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	host, port, _ := splitAddress(options.Listen) // is valid
	s := &Server{
		options: options,
		webhook: ctrlwebhook.NewServer(ctrlwebhook.Options{
			Host: host, Port: port, CertDir: options.CertDir, CertName: certFile, KeyName: keyFile,
		}),
	}
	s.webhook.Register(MutatePath, reviews)
	s.webhook.Register(ValidatePath, reviews)
	s.health = &http.Server{
		Handler:           s.healthHandler(metrics),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       90 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
	return s, nil
}

// Run serves until ctx ends, drains, and returns nil; or it returns early with what went
// wrong. Draining means that the server is no longer ready but serves on for the drain delay,
// so that whoever still sends requests is answered; then the listener closes and requests in
// flight are waited for.
func (s *Server) Run(ctx context.Context) error {
	if err := checkKeyPair(s.options.CertDir); err != nil {
		return err
	}
	healthListener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.options.ListenHealth)
	if err != nil {
		return named("--listen-health", s.options.ListenHealth, err)
	}

	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	health, webhook := make(chan error, 1), make(chan error, 1)
	go func() { health <- s.health.Serve(healthListener) }()
	go func() { webhook <- s.webhook.Start(serving) }()
	defer s.health.Close()

	// The drain delay begins when ctx ends; until then the channel is nil and never ready.
	ended, drained := ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case err := <-webhook:
			return named("--listen", s.options.Listen, err)
		case err := <-health:
			stop()
			return errors.Join(named("--listen-health", s.options.ListenHealth, err), named("--listen", s.options.Listen, <-webhook))
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

// named says of a listener's error which listener it is.
func named(flag, address string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", flag, address, err)
}
