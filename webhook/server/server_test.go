package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"userscope.dev/userscope/certs/serving"
	"userscope.dev/userscope/webhook/server"
)

// answering is a webhook that says yes.
var answering = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "yes") })

func TestServes(t *testing.T) {
	s := start(t, options(t), current(t), answering)
	s.awaitReadyz(t, http.StatusOK)

	if got, err := s.call(newClient(t)); got != "yes" || err != nil {
		t.Errorf("the webhook answers %q, %v", got, err)
	}
	for _, test := range []struct {
		path string
		code int
		body string
	}{
		{"/healthz", http.StatusOK, "ok"},
		{"/readyz", http.StatusOK, "ok"},
		{"/metrics", http.StatusOK, "test_total 7"},
		{"/mutate", http.StatusNotFound, ""},
	} {
		if code, body := s.health(test.path); code != test.code || !strings.Contains(body, test.body) {
			t.Errorf("%s is %d %q, want %d %q", test.path, code, body, test.code, test.body)
		}
	}

	old := &tls.Config{MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true} //nolint:gosec // it is to be refused
	if conn, err := tls.Dial("tcp", s.options.Listen, old); err == nil {
		conn.Close()
		t.Error("a client of TLS 1.1 is served")
	}
}

// A server that is told to end answers everybody who still comes, and only then closes.
func TestDrains(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	mux := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Slow") != "" {
			close(arrived)
			<-release
		}
		fmt.Fprint(w, "yes")
	})
	o := options(t)
	o.DrainDelay = 3 * time.Second
	s := start(t, o, current(t), mux)
	s.awaitReadyz(t, http.StatusOK)
	before := newClient(t)
	if _, err := s.call(before); err != nil {
		t.Fatal(err)
	}

	if s.closes(t) {
		t.Error("connections are not kept")
	}

	told := time.Now()
	s.end()
	if body := s.awaitReadyz(t, http.StatusServiceUnavailable); body != "not ready: the server is draining" {
		t.Errorf("/readyz says %q", body)
	}
	if code, _ := s.health("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz is %d while draining: the kubelet would kill the server", code)
	}
	if got, err := s.call(before); got != "yes" || err != nil {
		t.Errorf("on a connection from before: %q, %v", got, err)
	}
	if got, err := s.call(newClient(t)); got != "yes" || err != nil {
		t.Errorf("on a new connection: %q, %v", got, err)
	}
	if !s.closes(t) {
		t.Error("while draining, connections are kept: one is closed as a request is written into it")
	}

	slow := make(chan string, 1)
	go func() {
		request, err := http.NewRequest(http.MethodPost, "https://"+o.Listen+"/mutate", http.NoBody)
		if err != nil {
			slow <- err.Error()
			return
		}
		request.Header.Set("Slow", "yes")
		response, err := newClient(t).Do(request)
		if err != nil {
			slow <- err.Error()
			return
		}
		response.Body.Close()
		slow <- response.Status
	}()
	<-arrived
	await(t, "the listener to close", func() (bool, any) {
		conn, err := net.Dial("tcp", o.Listen)
		if err == nil {
			conn.Close()
		}
		return err != nil, "it accepts"
	})
	if took := time.Since(told); took < o.DrainDelay {
		t.Errorf("the listener closed after %s, before the drain delay of %s", took, o.DrainDelay)
	}
	select {
	case err := <-s.ended:
		t.Fatalf("ended with a request in flight: %v", err)
	default:
	}
	close(release)
	if got := <-slow; got != "200 OK" {
		t.Errorf("the request in flight ended with %q", got)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	if code, _ := s.health("/healthz"); code != 0 {
		t.Error("the health server outlives the webhook")
	}
}

// The delay is the one that was asked for, and by default it leaves time for the last requests: the
// kubelet kills after 30 seconds, and a request may take five.
func TestDrainDelay(t *testing.T) {
	if server.DefaultDrainDelay != 10*time.Second {
		t.Errorf("by default %s", server.DefaultDrainDelay)
	}
	s := start(t, options(t), current(t), answering)
	s.awaitReadyz(t, http.StatusOK)
	told := time.Now()
	s.end()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(told); took >= server.DefaultDrainDelay {
		t.Errorf("no delay took %s", took)
	}
}

// The server is ready when an API server would accept its certificate; it lives all the while.
func TestReadiness(t *testing.T) {
	const name = "userscope.userscope-system.svc"
	now := time.Now()
	tests := []struct {
		name        string
		certificate certificate
		service     bool
		want        string
	}{
		{"a current certificate of the Service", newCertificate(t, name, now.Add(-time.Hour), now.Add(time.Hour)), true, "ok"},
		{"an expired one", newCertificate(t, name, now.Add(-2*time.Hour), now.Add(-time.Hour)), true, "not ready: the certificate expired at "},
		{"one of tomorrow", newCertificate(t, name, now.Add(time.Hour), now.Add(2*time.Hour)), true, "not ready: the certificate is valid only from "},
		{"one of another name", newCertificate(t, "elsewhere.example", now.Add(-time.Hour), now.Add(time.Hour)), true,
			"not ready: the certificate does not name the Service: x509: certificate is valid for elsewhere.example, not " + name},
		{"any name, where no Service is given", newCertificate(t, "elsewhere.example", now.Add(-time.Hour), now.Add(time.Hour)), false, "ok"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := options(t)
			if !test.service {
				o.ServiceName, o.ServiceNamespace = "", ""
			}
			s := start(t, o, test.certificate, answering)
			await(t, fmt.Sprintf("/readyz to say %q", test.want), func() (bool, any) {
				_, body := s.health("/readyz")
				return strings.HasPrefix(body, test.want), body
			})
			if code, body := s.health("/healthz"); code != http.StatusOK {
				t.Errorf("/healthz is %d %s", code, body)
			}
		})
	}
}

// A renewed certificate is served without a restart.
func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	newCertificate(t, "userscope.userscope-system.svc", time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)).write(t, dir)
	o := options(t)
	s := startWith(t, o, open(t, dir, o), answering)
	s.awaitReadyz(t, http.StatusServiceUnavailable)
	current(t).write(t, dir)
	s.awaitReadyz(t, http.StatusOK)
}

// unwatched are certificates that cannot be followed.
type unwatched struct {
	*serving.Source
	tried chan struct{}
}

func (u unwatched) Watch(context.Context) error {
	close(u.tried)
	return errors.New("too many open files")
}

// A certificate that cannot be followed is served all the same.
func TestCertificateCannotBeWatched(t *testing.T) {
	dir := t.TempDir()
	current(t).write(t, dir)
	o := options(t)
	certificates := unwatched{open(t, dir, o), make(chan struct{})}
	s := startWith(t, o, certificates, answering)
	<-certificates.tried
	s.awaitReadyz(t, http.StatusOK)
	if got, err := s.call(newClient(t)); got != "yes" || err != nil {
		t.Errorf("the webhook answers %q, %v", got, err)
	}
}

func TestPortInUse(t *testing.T) {
	for _, flag := range []string{"--listen", "--listen-health"} {
		t.Run(flag, func(t *testing.T) {
			taken, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer taken.Close()
			o := options(t)
			if flag == "--listen" {
				o.Listen = taken.Addr().String()
			} else {
				o.ListenHealth = taken.Addr().String()
			}
			err = <-start(t, o, current(t), answering).ended
			want := fmt.Sprintf("%s %s: listen tcp %[2]s: bind: address already in use", flag, taken.Addr())
			if err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}

func TestOptionsAreValidated(t *testing.T) {
	valid := server.Options{Listen: ":10250", ListenHealth: "[::1]:8081", DrainDelay: 0, ReadTimeout: time.Second, MaxConnections: 1}
	if err := valid.Validate(); err != nil {
		t.Fatalf("%v", err)
	}
	tests := []struct {
		name  string
		given func(*server.Options)
		want  string
	}{
		{"no address", func(o *server.Options) { o.Listen = "" }, `--listen: "": want HOST:PORT or :PORT`},
		{"a port alone", func(o *server.Options) { o.Listen = "10250" }, `--listen: "10250": want HOST:PORT or :PORT`},
		{"no port", func(o *server.Options) { o.Listen = "localhost:" }, `--listen: "localhost:": port "": want a number from 1 to 65535`},
		{"a named port", func(o *server.Options) { o.Listen = ":https" }, `--listen: ":https": port "https": want a number from 1 to 65535`},
		{"a port with a sign", func(o *server.Options) { o.Listen = "127.0.0.1:+10250" }, `--listen: "127.0.0.1:+10250": port "+10250": want a number from 1 to 65535`},
		{"a negative port", func(o *server.Options) { o.Listen = ":-1" }, `--listen: ":-1": port "-1": want a number from 1 to 65535`},
		{"port 0", func(o *server.Options) { o.Listen = ":0" }, `--listen: ":0": port "0": want a number from 1 to 65535`},
		{"a port beyond the last", func(o *server.Options) { o.ListenHealth = ":65536" }, `--listen-health: ":65536": port "65536": want a number from 1 to 65535`},
		{"an IPv6 address without brackets", func(o *server.Options) { o.ListenHealth = "::1:8081" }, `--listen-health: "::1:8081": want HOST:PORT or :PORT`},
		{"a Service without namespace", func(o *server.Options) { o.ServiceName = "a" }, `--service-name "a", --service-namespace "": set both or neither`},
		{"a namespace without Service", func(o *server.Options) { o.ServiceNamespace = "b" }, `--service-name "", --service-namespace "b": set both or neither`},
		{"a negative delay", func(o *server.Options) { o.DrainDelay = -time.Second }, "--drain-delay -1s: must not be negative"},
		{"no time to read", func(o *server.Options) { o.ReadTimeout = 0 }, "--read-timeout 0s: must be positive"},
		{"no connection", func(o *server.Options) { o.MaxConnections = 0 }, "--max-connections 0: must be positive"},
		{"a CA of whomever", func(o *server.Options) { o.ClientCA = "a" }, `--client-ca "a", --client-names []: set both or neither`},
		{"names of any CA", func(o *server.Options) { o.ClientNames = []string{"b"} }, `--client-ca "", --client-names ["b"]: set both or neither`},
		{"an empty name", func(o *server.Options) { o.ClientCA, o.ClientNames = "a", []string{"b", ""} }, `--client-names: one is empty`},
		{"several mistakes", func(o *server.Options) { o.Listen, o.ListenHealth, o.DrainDelay = "", ":x", -1 },
			"--listen: \"\": want HOST:PORT or :PORT\n--listen-health: \":x\": port \"x\": want a number from 1 to 65535\n--drain-delay -1ns: must not be negative"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := valid
			test.given(&o)
			if _, err := server.New(o, nil, answering, nil); err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}
