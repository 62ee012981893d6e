package server_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dial opens a connection to the webhook.
func (r *running) dial(t *testing.T) *tls.Conn {
	t.Helper()
	dialer := tls.Dialer{
		Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}, //nolint:gosec // the test knows whom it calls
	}
	conn, err := dialer.DialContext(t.Context(), "tcp", r.options.Listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*tls.Conn)
}

// post sends the head of a request of so many bytes, and some of them.
func post(t *testing.T, conn net.Conn, length int, body string) {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", length, body); err != nil {
		t.Fatal(err)
	}
}

// answer is the status and the body of the next answer.
func answer(t *testing.T, conn net.Conn) string {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(response.StatusCode, " ", string(body))
}

// reading answers what there was to read.
var reading = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	fmt.Fprint(w, len(body), " ", err)
})

// Many requests in one connection would hold memory that no bound on connections knows of.
func TestNoHTTP2(t *testing.T) {
	s := start(t, options(t), current(t), reading)
	s.awaitReadyz(t, http.StatusOK)
	conn := s.dial(t)
	if got := conn.ConnectionState().NegotiatedProtocol; got != "" && got != "http/1.1" {
		t.Errorf("the server speaks %q", got)
	}
	post(t, conn, 2, "{}")
	if got := answer(t, conn); got != "200 2 <nil>" {
		t.Errorf("answered %q", got)
	}
	unasked := s.dial(t)
	if _, err := io.WriteString(unasked, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := answer(t, unasked); strings.HasPrefix(got, "200") {
		t.Errorf("HTTP/2 is answered by %q", got)
	}
}

// A body that does not come is given up, and keeps no server from ending.
func TestHalfABody(t *testing.T) {
	o := options(t)
	o.ReadTimeout = 500 * time.Millisecond
	s := start(t, o, current(t), reading)
	s.awaitReadyz(t, http.StatusOK)
	conn := s.dial(t)
	post(t, conn, 100, "{")
	if got := answer(t, conn); !strings.HasPrefix(got, "200 1 read tcp") || !strings.HasSuffix(got, "i/o timeout") {
		t.Errorf("answered %q", got)
	}

	post(t, s.dial(t), 100, "{")
	silent := s.dial(t)
	if _, err := io.WriteString(silent, "POST /mutate HTTP/1.1\r\nHost: "); err != nil {
		t.Fatal(err)
	}
	s.end()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("half a header is answered")
	}
}

// Connections of one peer, as many as it likes, keep nobody else out.
func TestConnectionsOfOnePeer(t *testing.T) {
	o := options(t)
	o.MaxConnections = 8
	s := start(t, o, current(t), reading)
	s.awaitReadyz(t, http.StatusOK)
	for range 3 * o.MaxConnections {
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}}).DialContext(t.Context(), "tcp", o.Listen)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	for range o.MaxConnections / 2 {
		conn := s.dial(t)
		post(t, conn, 2, "{}")
		if got := answer(t, conn); got != "200 2 <nil>" {
			t.Errorf("answered %q", got)
		}
	}
	s.awaitReadyz(t, http.StatusOK)
}

// A handler can end the reading of a body, whatever stands between it and the connection.
func TestHandlersSetDeadlines(t *testing.T) {
	s := start(t, options(t), current(t), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, http.NewResponseController(w).SetReadDeadline(time.Now()))
	}))
	s.awaitReadyz(t, http.StatusOK)
	conn := s.dial(t)
	post(t, conn, 2, "{}")
	if got := answer(t, conn); got != "200 <nil>" {
		t.Errorf("answered %q", got)
	}
}
