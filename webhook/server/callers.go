package server

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"userscope.dev/userscope/webhook/limits"
)

// The reasons for which a request has no authenticated sender, as the metric names them.
const (
	noCertificate = "no-certificate"
	notTrusted    = "not-trusted"
	otherName     = "other-name"
)

// callers say who may call the webhook: whoever has a client certificate of a CA that is for one of some names. Without
// a CA everybody may.
type callers struct {
	file  string
	names []string
	// trusted is what the file held last that could be read.
	trusted atomic.Pointer[trust]
	// refused is what was found last, if it was not taken, so that it is logged once.
	refused string

	unauthenticated *prometheus.CounterVec
	told            limits.Seldom
}

// trust is what the file of CAs holds.
type trust struct {
	text []byte
	pool *x509.CertPool
}

// newCallers reads the CAs, of which a file name must not be empty where there are to be any.
func newCallers(file string, names []string) (*callers, error) {
	c := &callers{file: file, names: names, unauthenticated: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "userscope_unauthenticated_requests_total",
		Help: "Requests that no API server sent, by what their client certificate lacks. Always zero without --client-ca. They are no decisions.",
	}, []string{"reason"})}
	for _, reason := range []string{noCertificate, notTrusted, otherName} {
		c.unauthenticated.WithLabelValues(reason)
	}
	if file == "" {
		return c, nil
	}
	trusted, err := readTrust(file)
	if err != nil {
		return nil, fmt.Errorf("--client-ca: %w", err)
	}
	c.trusted.Store(trusted)
	return c, nil
}

func readTrust(file string) (*trust, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	t := &trust{text: text, pool: x509.NewCertPool()}
	count := 0
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s: holds a %q, and only certificates belong there", file, block.Type)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		t.pool.AddCert(certificate)
		count++
	}
	if count == 0 {
		return nil, fmt.Errorf("%s: holds no certificate in PEM", file)
	}
	return t, nil
}

// reloadCAs is how often the file of CAs is read again.
const reloadCAs = 2 * time.Second

// watch reads the file of CAs again until ctx ends. What cannot be read is not taken.
func (c *callers) watch(ctx context.Context) {
	if c.file == "" {
		return
	}
	ticks := time.NewTicker(reloadCAs)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			c.reload()
		}
	}
}

func (c *callers) reload() {
	trusted, err := readTrust(c.file)
	switch {
	case err != nil && err.Error() != c.refused:
		c.refused = err.Error()
		logger.Error(err, "the CAs of clients are not taken, the old ones stay in force")
	case err == nil:
		c.refused = ""
		if !bytes.Equal(trusted.text, c.trusted.Load().text) {
			c.trusted.Store(trusted)
			logger.Info("the CAs of clients are new", "file", c.file)
		}
	}
}

// verifiedFor is how long it holds that a connection's client is verified: a certificate may expire meanwhile.
const verifiedFor = time.Minute

// caller is who is at the other end of a connection.
type caller struct {
	mu sync.Mutex
	// by is what it was verified by, and until when that holds. A verification costs as much as a decision.
	by    *trust
	until time.Time
}

type callerKey struct{}

// connected is for http.Server.ConnContext.
func connected(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, callerKey{}, &caller{})
}

// only lets requests of the callers through to a handler. The others are answered without a review: what no API
// server has sent must not look like a refusal.
func (c *callers) only(handler http.Handler) http.Handler {
	if c.file == "" {
		return handler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reason, err := c.verify(r)
		if err == nil {
			handler.ServeHTTP(w, r)
			return
		}
		c.unauthenticated.WithLabelValues(reason).Inc()
		if others, now := c.told.Now(); now {
			logger.Info("unauthenticated, and not judged", "peer", r.RemoteAddr, "reason", err.Error(), "othersSinceLastLine", others)
		}
		w.Header().Set("Connection", "close")
		http.Error(w, "userscope: "+err.Error(), http.StatusForbidden)
	})
}

// verify reports why a request's sender is none of the callers.
func (c *callers) verify(r *http.Request) (reason string, err error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return noCertificate, errors.New("no client certificate: API servers must present one (--client-ca)")
	}
	by, now := c.trusted.Load(), time.Now()
	known, _ := r.Context().Value(callerKey{}).(*caller)
	if known != nil {
		known.mu.Lock()
		defer known.mu.Unlock()
		if known.by == by && now.Before(known.until) {
			return "", nil
		}
	}
	certificate := r.TLS.PeerCertificates[0]
	options := x509.VerifyOptions{
		Roots: by.pool, Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, intermediate := range r.TLS.PeerCertificates[1:] {
		options.Intermediates.AddCert(intermediate)
	}
	if _, err := certificate.Verify(options); err != nil {
		return notTrusted, fmt.Errorf("the client certificate of %s: %w (--client-ca)", shortened(certificate.Subject.CommonName), err)
	}
	names := append([]string{certificate.Subject.CommonName}, certificate.DNSNames...)
	if !slices.ContainsFunc(c.names, func(name string) bool { return slices.Contains(names, name) }) {
		return otherName, fmt.Errorf("the client certificate of %s: is for none of --client-names", shortened(certificate.Subject.CommonName))
	}
	if known != nil {
		known.by, known.until = by, now.Add(verifiedFor)
	}
	return "", nil
}

// shortened quotes as much of a name as is worth a line.
func shortened(name string) string {
	const most = 80
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return fmt.Sprintf("%+q", name)
}
