package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Requests that never end are waited for as long as the server has patience, and no longer.
func TestPatience(t *testing.T) {
	listener := listen(t)
	address := listener.Addr().String()
	arrived, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	stuck := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	})
	o := Options{Listen: address, ListenHealth: "127.0.0.1:1", ReadTimeout: time.Hour, MaxConnections: 10}
	other := httptest.NewTLSServer(nil)
	defer other.Close()
	s, err := New(o, plain{other}, stuck, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	s.patience = 10 * time.Millisecond
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.serveWebhook(ctx, listener) }()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the test knows whom it calls
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-arrived
	end()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the server did not end")
	}
}

// plain are the certificates of another server.
type plain struct{ *httptest.Server }

func (p plain) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return &p.TLS.Certificates[0], nil
}
func (plain) Watch(context.Context) error     { return nil }
func (plain) Check([]*x509.Certificate) error { return nil }
