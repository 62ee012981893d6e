package serving

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"userscope.dev/userscope/certs/issue"
)

var logger = ctrllog.Log.WithName("certificate")

// interval is how often the directory is looked at: a mount's files change without an event that can
// be relied upon.
const interval = time.Second

// watcherInterval is how often the watcher looks of its own accord, and logs what it cannot read as
// often. It hears of events, and is asked at the interval above.
const watcherInterval = time.Hour

// Source is the certificate that is served. It changes when that in the directory changes, and only to
// one that API servers will take, as far as can be known here: valid now, naming the Service,
// chaining to the CA beside it. Until such a one comes the old one is served, as long as it is
// good: a Secret that is half-written or foreign makes nobody go unready.
type Source struct {
	dir, host string
	watcher   *certwatcher.CertWatcher

	mu      sync.RWMutex
	current loaded
	// refused is what was last found and not taken, and unread why nothing could be found, so that
	// each is logged once.
	refused loaded
	unread  string
}

// loaded is a certificate with the CAs that lay beside it.
type loaded struct {
	certificate *tls.Certificate
	chain       []*x509.Certificate
	ca          []byte
	roots       []*x509.Certificate
	// caProblem is why the CAs are of no use.
	caProblem error
}

// Open returns the source of a directory with tls.crt, tls.key and, if there is a CA to chain to,
// ca.crt. The host is the name that API servers call; empty if any will do. It is an error if there
// is no certificate that could be served at all.
func Open(dir, host string) (*Source, error) {
	if err := checkKeyPair(dir); err != nil {
		return nil, err
	}
	watcher, err := certwatcher.New(filepath.Join(dir, issue.ServingCertificate), filepath.Join(dir, issue.ServingKey))
	if err != nil {
		return nil, err
	}
	s := &Source{dir: dir, host: host, watcher: watcher.WithWatchInterval(watcherInterval)}
	s.current, err = s.load()
	return s, err
}

// checkKeyPair reports what keeps the certificate directory from being served: the certwatcher would
// say it too, but without the files' names.
func checkKeyPair(dir string) error {
	certPath, keyPath := filepath.Join(dir, issue.ServingCertificate), filepath.Join(dir, issue.ServingKey)
	certPEM, err := os.ReadFile(certPath)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	keyPEM, err := os.ReadFile(keyPath)
	if err != nil {
		return fmt.Errorf("private key: %w", err)
	}
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		return fmt.Errorf("certificate %s with private key %s: %w", certPath, keyPath, err)
	}
	return nil
}

// Watch follows the directory until ctx ends.
func (s *Source) Watch(ctx context.Context) error {
	go func() {
		ticks := time.NewTicker(interval)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				s.reconsider(time.Now())
			}
		}
	}()
	return s.watcher.Start(ctx)
}

// load reads what lies in the directory.
func (s *Source) load() (loaded, error) {
	var l loaded
	var err error
	if l.certificate, err = s.watcher.GetCertificate(nil); err != nil {
		return l, err
	}
	for _, der := range l.certificate.Certificate {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return l, fmt.Errorf("certificate %s: %w", filepath.Join(s.dir, issue.ServingCertificate), err)
		}
		l.chain = append(l.chain, certificate)
	}
	path := filepath.Join(s.dir, issue.CACertificate)
	switch l.ca, err = os.ReadFile(path); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		l.caProblem = fmt.Errorf("CA: %w", err)
	default:
		if l.roots, err = issue.Decode(l.ca); err != nil {
			l.caProblem = fmt.Errorf("CA %s: %w", path, err)
		}
	}
	return l, nil
}

func (l *loaded) equal(other *loaded) bool {
	return l.certificate == other.certificate && bytes.Equal(l.ca, other.ca) &&
		(l.caProblem == nil) == (other.caProblem == nil) // no file is not an empty one
}

// reconsider takes what lies in the directory, if it is good or what is served is not.
func (s *Source) reconsider(now time.Time) {
	// The certificate first, lest one from before be held against a CA that came after it.
	unread := s.watcher.ReadCertificate()
	found, err := s.load()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sayUnread(unread)
	if found.equal(&s.current) {
		return
	}
	whole := err == nil
	if whole {
		err = s.check(&found, found.chain, now)
	}
	if err == nil || whole && s.check(&s.current, s.current.chain, now) != nil {
		s.current = found
		logger.Info("serving another certificate", "notAfter", found.chain[0].NotAfter.UTC().Format(time.RFC3339))
		return
	}
	if !found.equal(&s.refused) {
		s.refused = found
		logger.Error(err, "the certificate in the directory is not taken, the old one is served on", "dir", s.dir)
	}
}

// sayUnread logs once why the pair in the directory cannot be read.
func (s *Source) sayUnread(err error) {
	switch {
	case err == nil:
		s.unread = ""
	case s.unread != err.Error():
		s.unread = err.Error()
		logger.Error(err, "the certificate in the directory cannot be read, the old one is served on", "dir", s.dir)
	}
}

// GetCertificate is for tls.Config.
func (s *Source) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current.certificate, nil
}

// Check reports why an API server would not take the chain that it is shown when it calls the Service.
func (s *Source) Check(chain []*x509.Certificate) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.check(&s.current, chain, time.Now())
}

func (s *Source) check(l *loaded, chain []*x509.Certificate, now time.Time) error {
	if l.caProblem != nil {
		return l.caProblem
	}
	return issue.Verify(chain, l.roots, s.host, now)
}

// Register makes the served certificate's validity be served as metrics.
func (s *Source) Register(registry prometheus.Registerer) {
	gauge := func(name, help string, value func(*x509.Certificate) time.Time) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			s.mu.RLock()
			defer s.mu.RUnlock()
			return float64(value(s.current.chain[0]).Unix())
		})
	}
	registry.MustRegister(
		gauge("userscope_certificate_not_before_seconds", "From when on the certificate that is served is valid, in seconds since 1970.",
			func(c *x509.Certificate) time.Time { return c.NotBefore }),
		gauge("userscope_certificate_not_after_seconds", "When the certificate that is served expires, in seconds since 1970.",
			func(c *x509.Certificate) time.Time { return c.NotAfter }),
	)
}
