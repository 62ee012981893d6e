package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"userscope.dev/userscope/certs/serving"
	"userscope.dev/userscope/webhook/server"
)

func TestMain(m *testing.M) {
	ctrllog.SetLogger(logr.FromSlogHandler(slog.DiscardHandler))
	os.Exit(m.Run())
}

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// await waits until a condition holds, and tells at the end what it last saw.
func await(t *testing.T, what string, condition func() (bool, any)) {
	t.Helper()
	var last any
	err := wait.PollUntilContextTimeout(t.Context(), 5*time.Millisecond, patience, true, func(context.Context) (done bool, err error) {
		done, last = condition()
		return done, nil
	})
	if err != nil {
		t.Fatalf("waiting for %s: %v; last seen: %v", what, err, last)
	}
}

// certificate is a key pair in PEM.
type certificate struct{ cert, key []byte }

// newCertificate signs a certificate for a name with its own key.
func newCertificate(t *testing.T, name string, notBefore, notAfter time.Time) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: notBefore, NotAfter: notAfter}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
}

// current is a certificate of the Service of these tests that is valid now.
func current(t *testing.T) certificate {
	return newCertificate(t, "userscope.userscope-system.svc", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
}

// write puts the pair into a directory, as a Secret is mounted.
func (c certificate) write(t *testing.T, dir string) {
	t.Helper()
	writeFile(t, filepath.Join(dir, "tls.crt"), c.cert)
	writeFile(t, filepath.Join(dir, "tls.key"), c.key)
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// freeAddress returns a loopback address that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// options are those of a server on free ports.
func options(t *testing.T) server.Options {
	t.Helper()
	return server.Options{
		Listen:           freeAddress(t),
		ListenHealth:     freeAddress(t),
		ServiceName:      "userscope",
		ServiceNamespace: "userscope-system",
		ReadTimeout:      server.DefaultReadTimeout,
		MaxConnections:   server.DefaultMaxConnections,
	}
}

// open returns what is served of a directory.
func open(t *testing.T, dir string, o server.Options) *serving.Source {
	t.Helper()
	source, err := serving.Open(dir, o.ServiceHost())
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// running is a server that runs.
type running struct {
	options  server.Options
	registry *prometheus.Registry
	// end tells it to end.
	end context.CancelFunc
	// ended receives what Run returned.
	ended <-chan error
}

// start runs a server with a certificate of its own until the test ends.
func start(t *testing.T, o server.Options, c certificate, handler http.Handler) *running {
	t.Helper()
	dir := t.TempDir()
	c.write(t, dir)
	return startWith(t, o, open(t, dir, o), handler)
}

// startWith runs a server until the test ends.
func startWith(t *testing.T, o server.Options, certificates server.Certificates, handler http.Handler) *running {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "test_total"}, func() float64 { return 7 }))
	s, err := server.New(o, certificates, handler, registry)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Register(registry); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		ended <- s.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-stopped:
		case <-time.After(patience):
			t.Error("the server did not end")
		}
	})
	return &running{options: o, registry: registry, end: cancel, ended: ended}
}

// health gets a path of the health server: its status and body, or the error to reach it.
func (r *running) health(path string) (int, string) { return get(r.options.ListenHealth, path) }

// get gets a path of an address: the status and the body, or 0 and the error to reach it.
func get(address, path string) (int, string) {
	response, err := http.Get("http://" + address + path)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, strings.TrimSpace(string(body))
}

// awaitReadyz waits for a status of /readyz and returns the body.
func (r *running) awaitReadyz(t *testing.T, want int) (body string) {
	t.Helper()
	await(t, fmt.Sprintf("/readyz to be %d", want), func() (bool, any) {
		var status int
		status, body = r.health("/readyz")
		return status == want, fmt.Sprint(status, " ", body)
	})
	return body
}

// newClient returns a client of the webhook with connections of its own.
func newClient(t *testing.T) *http.Client {
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the test knows whom it calls
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// call posts to the webhook and returns the answer.
func (r *running) call(client *http.Client) (string, error) {
	response, err := client.Post("https://"+r.options.Listen+"/mutate", "application/json", strings.NewReader("{}"))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// closes reports whether the webhook answers an API server, which speaks HTTP/1.1, and closes the connection.
func (r *running) closes(t *testing.T) bool {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the test knows whom it calls
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Post("https://"+r.options.Listen+"/validate", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.Close
}

// counted are the values of a metric with one label.
func (r *running) counted(t *testing.T, name string) map[string]float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		if family.GetName() == name {
			for _, metric := range family.GetMetric() {
				values[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
			}
		}
	}
	return values
}
