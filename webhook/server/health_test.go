package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ask asks the health handler of a server whose webhook listens at an address.
func ask(t *testing.T, method, path, address string) (status int, body string) {
	t.Helper()
	s := &Server{options: Options{Listen: address, ServiceName: "userscope", ServiceNamespace: "userscope-system"}}
	recorder := httptest.NewRecorder()
	health := Health{Ready: s.ready, Metrics: prometheus.NewRegistry()}
	health.handler().ServeHTTP(recorder, httptest.NewRequest(method, path, http.NoBody))
	return recorder.Code, strings.TrimSpace(recorder.Body.String())
}

// listen returns a listener on loopback.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// The handshake is an API server's, which asks for the Service by name.
func TestReadinessAsksForTheService(t *testing.T) {
	listener, asked := listen(t), make(chan string, 1)
	config := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		asked <- hello.ServerName
		return nil, net.ErrClosed
	}}
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = tls.Server(conn, config).Handshake()
	}()
	status, body := ask(t, http.MethodGet, "/readyz", listener.Addr().String())
	if want := "not ready: TLS handshake with " + listener.Addr().String() + ": remote error: tls: "; status != http.StatusServiceUnavailable || !strings.HasPrefix(body, want) {
		t.Errorf("%d %q, want 503 %q", status, body, want)
	}
	if got := <-asked; got != "userscope.userscope-system.svc" {
		t.Errorf("asked for %q", got)
	}
}

// picky takes all but the first few chains.
type picky struct {
	Certificates
	refuses int
}

func (p *picky) Check([]*x509.Certificate) error {
	p.refuses--
	if p.refuses >= 0 {
		return errors.New("of another CA")
	}
	return nil
}

// A certificate may be replaced between the handshake and the look at it: that is no reason to be unready.
func TestReadinessWhileTheCertificateIsReplaced(t *testing.T) {
	served := httptest.NewTLSServer(http.NotFoundHandler())
	defer served.Close()
	for refuses, want := range []error{nil, nil, errors.New("of another CA")} {
		s := &Server{options: Options{Listen: served.Listener.Addr().String()}, certificates: &picky{refuses: refuses}}
		if err := s.ready(t.Context()); fmt.Sprint(err) != fmt.Sprint(want) {
			t.Errorf("refused %d times: %v, want %v", refuses, err, want)
		}
	}
}

// Nobody there, or somebody who says nothing, is no readiness.
func TestReadinessWithoutHandshake(t *testing.T) {
	silent, closed := listen(t), listen(t)
	closed.Close()
	for _, test := range []struct {
		name, address, want string
	}{
		{"nobody", closed.Addr().String(), "connect: connection refused"},
		{"somebody silent", silent.Addr().String(), "context deadline exceeded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			started := time.Now()
			status, body := ask(t, http.MethodGet, "/readyz", test.address)
			if prefix := "not ready: TLS handshake with " + test.address + ": "; status != http.StatusServiceUnavailable ||
				!strings.HasPrefix(body, prefix) || !strings.HasSuffix(body, test.want) {
				t.Errorf("%d %q, want 503 %q", status, body, prefix+"…"+test.want)
			}
			if took := time.Since(started); took > 10*time.Second {
				t.Errorf("it took %s: a probe does not wait so long", took)
			}
		})
	}
}

func TestHealthIsOnlyRead(t *testing.T) {
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if status, _ := ask(t, http.MethodPost, path, "127.0.0.1:1"); status != http.StatusMethodNotAllowed {
			t.Errorf("POST %s is %d, want 405", path, status)
		}
	}
}
