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
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"userscope.dev/userscope/certs/pki"
	"userscope.dev/userscope/certs/rotation"
)

var logger = ctrllog.Log.WithName("certificate")

// interval is the time between two looks at the directory: not every change of a mount's files comes with an event.
const interval = time.Second

// watcherInterval is the time between two looks of the watcher itself, each of which logs a file that it cannot
// read. It is long because the watcher is there for its events alone.
const watcherInterval = time.Hour

// Source holds the served certificate. It follows the files of a directory, but only to a certificate that API
// servers accept as far as this process knows: valid now, naming the Service, chaining to the CA beside it. Until
// such a certificate comes, the old one is served as long as it is good: a half-written or foreign Secret makes no
// Pod unready.
type Source struct {
	dir, host string

	mu      sync.RWMutex
	current loaded

	// looking is held while the directory is read, which may hang. No handshake waits for it.
	looking sync.Mutex
	// refused is the last content that was not accepted, so that it is logged once.
	refused *loaded
}

// loaded is the content of a directory.
type loaded struct {
	files

	certificate *tls.Certificate
	chain       []*x509.Certificate
	roots       []*x509.Certificate
	// caProblem says why ca.crt is unusable.
	caProblem error
	// trusted is the period in which API servers that trust the CAs accept the chain; if there is none, the
	// validity of the serving certificate.
	trusted rotation.Validity
}

// files holds the content of tls.crt, tls.key and ca.crt, or the error of reading each.
type files [3]file

type file struct {
	data []byte
	err  error
}

// Open returns the source of a directory with tls.crt, tls.key and, optionally, the CA that they chain to in ca.crt.
// The host is the name that API servers call; an empty host matches every certificate. Open returns an error if the
// directory holds no certificate that could be served at all.
func Open(dir, host string) (*Source, error) {
	s := &Source{dir: dir, host: host}
	var err error
	if s.current, err = s.load(s.read()); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Source) path(file string) string { return filepath.Join(s.dir, file) }

// Watch follows the directory until ctx ends. It looks every second, and at once after an event. It returns an
// error, perhaps at once, if there are no events, for example because the node has no inotify instance left; the
// looks every second go on.
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
	watcher, err := certwatcher.New(s.path(pki.ServingCertificate), s.path(pki.ServingKey))
	if err != nil {
		return err
	}
	watcher.WithWatchInterval(watcherInterval)
	// It reports a new serving certificate at once, but not a new chain or CA.
	watcher.RegisterCallback(func(tls.Certificate) { s.reconsider(time.Now()) })
	return watcher.Start(ctx)
}

// read reads the files of the directory.
func (s *Source) read() (f files) {
	for i, name := range []string{pki.ServingCertificate, pki.ServingKey, pki.CACertificate} {
		f[i].data, f[i].err = os.ReadFile(s.path(name))
	}
	return f
}

func (f *files) equal(other *files) bool {
	return slices.EqualFunc(f[:], other[:], func(a, b file) bool {
		return bytes.Equal(a.data, b.data) && fmt.Sprint(a.err) == fmt.Sprint(b.err) // a missing file is not an empty one
	})
}

// load parses files. It returns an error if they could not be served at all.
func (s *Source) load(f files) (loaded, error) {
	l := loaded{files: f}
	certificate, key, ca := f[0], f[1], f[2]
	var err error
	switch {
	case errors.Is(ca.err, os.ErrNotExist):
	case ca.err != nil:
		l.caProblem = fmt.Errorf("CA: %w", ca.err)
	default:
		if l.roots, err = pki.Decode(ca.data); err != nil {
			l.caProblem = fmt.Errorf("CA %s: %w", s.path(pki.CACertificate), err)
		}
	}
	if certificate.err != nil {
		return l, fmt.Errorf("certificate: %w", certificate.err)
	}
	if key.err != nil {
		return l, fmt.Errorf("private key: %w", key.err)
	}
	if l.certificate, l.chain, err = pki.ReadPair(certificate.data, key.data); err != nil {
		return l, fmt.Errorf("certificate %s with private key %s: %w", s.path(pki.ServingCertificate), s.path(pki.ServingKey), err)
	}
	if l.trusted, _, err = pki.ChainValidity(l.chain, l.roots, s.host); err != nil { // check reports it
		l.trusted = pki.Validity(l.chain[0])
	}
	return l, nil
}

// reconsider accepts the content of the directory if it is good, or if the served certificate is not.
func (s *Source) reconsider(now time.Time) {
	s.looking.Lock()
	defer s.looking.Unlock()
	read := s.read()
	if read.equal(&s.current.files) {
		s.refused = nil
		return
	}
	found, err := s.load(read)
	whole := err == nil
	if whole {
		err = s.check(&found, found.chain, now)
	}
	switch {
	case err == nil || whole && s.check(&s.current, s.current.chain, now) != nil:
		s.take(found)
		// Without the lock: handshakes must not wait for the log's reader.
		logger.Info("serving another certificate", "notAfter", found.trusted.NotAfter.UTC().Format(time.RFC3339))
	case s.refused == nil || !read.equal(&s.refused.files):
		s.refused = &found
		logger.Error(err, "the certificate in the directory is not taken, the old one is served on", "dir", s.dir)
	}
}

func (s *Source) take(found loaded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.refused = found, nil
}

// GetCertificate is for tls.Config.
func (s *Source) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current.certificate, nil
}

// Check returns an error if an API server would refuse a chain when it calls the Service.
func (s *Source) Check(chain []*x509.Certificate) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.check(&s.current, chain, time.Now())
}

func (s *Source) check(l *loaded, chain []*x509.Certificate, now time.Time) error {
	if l.caProblem != nil {
		return l.caProblem
	}
	return pki.Verify(chain, l.roots, s.host, now)
}

// Register adds the served certificate's validity to a registry of metrics.
func (s *Source) Register(registry prometheus.Registerer) {
	gauge := func(name, help string, value func(rotation.Validity) time.Time) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			s.mu.RLock()
			defer s.mu.RUnlock()
			return float64(value(s.current.trusted).Unix())
		})
	}
	registry.MustRegister(
		gauge("userscope_certificate_not_before_seconds", "From when on the certificate that is served, and all that it chains by, is valid, in seconds since 1970.",
			func(v rotation.Validity) time.Time { return v.NotBefore }),
		gauge("userscope_certificate_not_after_seconds", "When the certificate that is served, or something that it chains by, expires, in seconds since 1970.",
			func(v rotation.Validity) time.Time { return v.NotAfter }),
	)
}
