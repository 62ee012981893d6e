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
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"userscope.dev/userscope/webhook/limits"
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
	webhook      *http.Server
	health       Health
	draining     atomic.Bool
	callers      *callers
	refused      prometheus.Counter
	// patience is how long requests in flight are waited for.
	patience time.Duration
}

// New returns a server of AdmissionReviews and of the gathered metrics. The error reports
// the options' mistakes, and what is wrong with the CAs of clients.
func New(options Options, certificates Certificates, reviews http.Handler, metrics prometheus.Gatherer) (*Server, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	callers, err := newCallers(options.ClientCA, options.ClientNames)
	if err != nil {
		return nil, err
	}
	s := &Server{
		options:      options,
		callers:      callers,
		certificates: certificates,
		patience:     shutdownTimeout,
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "userscope_connections_refused_total",
			Help: "Connections to the webhook's port that were closed because their peer had its share of all.",
		}),
	}
	// It has controller-runtime's metrics. Its own server would hold memory for whoever asks, for as long as he likes.
	mux := ctrlwebhook.NewServer(ctrlwebhook.Options{WebhookMux: http.NewServeMux()})
	mux.Register(MutatePath, s.parting(reviews))
	mux.Register(ValidatePath, s.parting(reviews))
	s.webhook = newHTTPServer(callers.only(mux.WebhookMux()), options.ReadTimeout)
	s.health = Health{Listen: options.ListenHealth, Ready: s.ready, Metrics: metrics}
	return s, nil
}

// Register registers the server's metrics.
func (s *Server) Register(registerer prometheus.Registerer) error {
	return errors.Join(registerer.Register(s.refused), registerer.Register(s.callers.unauthenticated))
}

const (
	// headerTimeout is how long a handshake may take, and the headers of a request.
	headerTimeout = 5 * time.Second
	// answerTimeout is how long it may take to wait for a turn, to judge and to send the answer.
	answerTimeout = 10 * time.Second
	// shutdownTimeout is how long requests in flight are waited for. An API server waits for five seconds, and
	// with the drain delay it must fit into the 30 seconds after which the kubelet kills the Pod.
	shutdownTimeout = 15 * time.Second
)

// newHTTPServer returns a server with bounds on all that a client can keep. It speaks no HTTP/2, as API servers do
// not with webhooks (k8s.io/apiserver/pkg/util/webhook, client.go): each of its many streams may hold memory.
func newHTTPServer(handler http.Handler, readTimeout time.Duration) *http.Server {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           handler,
		Protocols:         protocols,
		ReadHeaderTimeout: min(headerTimeout, readTimeout),
		ReadTimeout:       readTimeout,
		WriteTimeout:      readTimeout + answerTimeout,
		IdleTimeout:       90 * time.Second, // as long as Go's clients keep an idle connection
		MaxHeaderBytes:    16 << 10,
		ConnState:         changed,
		ConnContext:       connected,
		ErrorLog:          log.New(&seldomLog{}, "", 0),
	}
}

// seldomLog logs what net/http has to say of clients, but not all of it: who floods the webhook would flood the log.
type seldomLog struct{ told limits.Seldom }

func (l *seldomLog) Write(line []byte) (int, error) {
	if others, now := l.told.Now(); now {
		logger.Info(strings.TrimSpace(string(line)), "othersSinceLastLine", others)
	}
	return len(line), nil
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
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.options.Listen)
	if err != nil {
		return errors.Join(named("--listen", s.options.Listen, err), healthListener.Close())
	}

	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	healthy, hide := context.WithCancel(context.WithoutCancel(ctx)) // to the end of the last request
	defer hide()
	health, webhook := make(chan error, 1), make(chan error, 1)
	go func() { health <- s.health.serve(healthy, healthListener) }()
	go func() { webhook <- s.serveWebhook(serving, listener) }()
	go s.callers.watch(serving)
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
			hide()
			logger.Info("drained")
			return errors.Join(named("--listen", s.options.Listen, err), <-health)
		}
	}
}

// serveWebhook serves until ctx ends and the requests in flight are answered.
func (s *Server) serveWebhook(ctx context.Context, listener net.Listener) error {
	config := &tls.Config{
		GetCertificate:         s.certificates.GetCertificate,
		SessionTicketsDisabled: true, // API servers resume no session
	}
	if s.options.ClientCA != "" {
		// Verified with the first request, so that who has none is told so, and the server can look at itself.
		config.ClientAuth = tls.RequestClientCert
	}
	secured := tls.NewListener(newConnections(listener, s.options.MaxConnections, s.refused.Inc), config)
	drained := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(drained)
		waiting, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.patience)
		defer cancel()
		if s.webhook.Shutdown(waiting) != nil {
			logger.Info("requests in flight are not waited for any longer", "after", s.patience.String())
			_ = s.webhook.Close()
		}
	})
	defer stop()
	logger.Info("serving", "listen", s.options.Listen)
	if err := s.webhook.Serve(secured); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-drained
	return nil
}

// parting closes each connection after its response while the server drains. API servers keep their
// connections, which no Service moves to another Pod, and never repeat a request: one that they write into a
// connection in the moment in which it is closed fails, and with it a Pod.
func (s *Server) parting(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
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
