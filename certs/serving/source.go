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

// interval is how often the directory is looked at: a mount's files change without an event that can
// be relied upon.
const interval = time.Second

// watcherInterval is how often the watcher looks of its own accord, and logs what it cannot read as
// often. All that is wanted of it is that it hears of events.
const watcherInterval = time.Hour

// Source is the certificate that is served. It changes when that in the directory changes, and only to
// one that API servers will take, as far as can be known here: valid now, naming the Service,
// chaining to the CA beside it. Until such a one comes the old one is served, as long as it is
// good: a Secret that is half-written or foreign makes nobody go unready.
type Source struct {
	dir, host string

	mu      sync.RWMutex
	current loaded

	// looking is held by who looks at the directory, which may hang: nobody who is served waits for it.
	looking sync.Mutex
	// refused is what was found last, if it was not taken, so that it is logged once.
	refused *loaded
}

// loaded is what a directory holds.
type loaded struct {
	files

	certificate *tls.Certificate
	chain       []*x509.Certificate
	roots       []*x509.Certificate
	// caProblem is why the CAs are of no use.
	caProblem error
	// taken is when API servers take the chain that trust the CAs, and where none do, when the serving
	// certificate is valid.
	taken rotation.Validity
}

// files are what tls.crt, tls.key and ca.crt hold, or why they cannot be read.
type files [3]file

type file struct {
	data []byte
	err  error
}

// Open returns the source of a directory with tls.crt, tls.key and, if there is a CA to chain to,
// ca.crt. The host is the name that API servers call; empty if any will do. It is an error if there
// is no certificate that could be served at all.
func Open(dir, host string) (*Source, error) {
	s := &Source{dir: dir, host: host}
	var err error
	if s.current, err = s.load(s.read()); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Source) path(file string) string { return filepath.Join(s.dir, file) }

// Watch follows the directory until ctx ends. The error, which may come at once, says why it does not hear of
// changes: a node may have no more inotify instances to give. It looks every second all the same.
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
	// It tells of another serving certificate at once. Of another chain, or CA, it does not.
	watcher.RegisterCallback(func(tls.Certificate) { s.reconsider(time.Now()) })
	return watcher.Start(ctx)
}

// read reads what lies in the directory.
func (s *Source) read() (f files) {
	for i, name := range []string{pki.ServingCertificate, pki.ServingKey, pki.CACertificate} {
		f[i].data, f[i].err = os.ReadFile(s.path(name))
	}
	return f
}

func (f *files) equal(other *files) bool {
	return slices.EqualFunc(f[:], other[:], func(a, b file) bool {
		return bytes.Equal(a.data, b.data) && fmt.Sprint(a.err) == fmt.Sprint(b.err) // no file is not an empty one
	})
}

// load finds out of what use files are. The error says why they could not be served at all.
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
	if l.taken, _, err = pki.Taken(l.chain, l.roots, s.host); err != nil { // which check says
		l.taken = pki.Validity(l.chain[0])
	}
	return l, nil
}

// reconsider takes what lies in the directory, if it is good or what is served is not.
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
	case s.refused == nil || !read.equal(&s.refused.files):
		s.refused = &found
		logger.Error(err, "the certificate in the directory is not taken, the old one is served on", "dir", s.dir)
	}
}

func (s *Source) take(found loaded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.refused = found, nil
	logger.Info("serving another certificate", "notAfter", found.taken.NotAfter.UTC().Format(time.RFC3339))
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
	return pki.Verify(chain, l.roots, s.host, now)
}

// Register makes the served certificate's validity be served as metrics.
func (s *Source) Register(registry prometheus.Registerer) {
	gauge := func(name, help string, value func(rotation.Validity) time.Time) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			s.mu.RLock()
			defer s.mu.RUnlock()
			return float64(value(s.current.taken).Unix())
		})
	}
	registry.MustRegister(
		gauge("userscope_certificate_not_before_seconds", "From when on the certificate that is served, and all that it chains by, is valid, in seconds since 1970.",
			func(v rotation.Validity) time.Time { return v.NotBefore }),
		gauge("userscope_certificate_not_after_seconds", "When the certificate that is served, or something that it chains by, expires, in seconds since 1970.",
			func(v rotation.Validity) time.Time { return v.NotAfter }),
	)
}
