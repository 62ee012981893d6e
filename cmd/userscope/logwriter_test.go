package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// unread is a pipe that nobody reads until a test does.
func unread(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// full is a pipe that takes nothing more, and that nobody reads.
func full(t *testing.T) *os.File {
	t.Helper()
	_, w := unread(t)
	for {
		if err := w.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, 1<<10)); errors.Is(err, os.ErrDeadlineExceeded) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	w.Fd() // from now on a write blocks
	return w
}

// within fails the test if something takes longer than a test waits.
func within(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s: blocked for %s", what, patience)
	}
}

// Nobody waits for a reader that stalls. Once it reads again it gets the lines that were held back, and how many
// are missing behind them.
func TestLogWriterLosesLines(t *testing.T) {
	r, w := unread(t)
	log := newLogWriter(w, 1<<20)
	const lines = 4000
	padding := strings.Repeat("x", 1000)
	within(t, "writing", func() {
		for n := range lines {
			fmt.Fprintf(log, `{"n":%d,"msg":%q}`+"\n", n, padding)
		}
		log.flush(10 * time.Millisecond)
	})
	lost := int(log.linesLost())
	if lost == 0 {
		t.Fatal("the pipe took all lines")
	}

	reader := bufio.NewReader(r)
	next := func() (line struct{ N, Lines int }) {
		text, err := reader.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(text, &line)
		}
		if err != nil {
			t.Fatalf("line %q: %v", text, err)
		}
		return line
	}
	told := 0
	for n := 0; n < lines; {
		switch line := next(); {
		case line.Lines > 0:
			told, n = told+line.Lines, n+line.Lines
		case line.N != n:
			t.Fatalf("line %d is %+v", n, line)
		default:
			n++
		}
	}
	if told != lost {
		t.Errorf("the log tells of %d lines that are missing, the metric of %d", told, lost)
	}
	fmt.Fprintln(log, `{"n":-1}`)
	if line := next(); line.N != -1 || line.Lines != 0 {
		t.Errorf("then comes %+v, want the next line", line)
	}
}

// The lines that are missing are told of where they are missing.
func TestLogWriterTellsWhere(t *testing.T) {
	gate := &gate{opened: make(chan struct{})}
	log := newLogWriter(gate, 10)
	fmt.Fprintln(log, `1234`)
	fmt.Fprintln(log, `56789`) // is one byte too long
	fmt.Fprintln(log, `56789`)
	fmt.Fprintln(log, `5678`)
	close(gate.opened)
	within(t, "flushing", func() { log.flush(patience) })
	got := strings.Split(strings.TrimSpace(gate.written.String()), "\n")
	if len(got) != 3 || got[0] != "1234" || !strings.Contains(got[1], `"lines":2}`) || got[2] != "5678" {
		t.Errorf("written are %q, want the two lines and between them that two are missing", got)
	}
}

// gate keeps what is written until it is opened.
type gate struct {
	opened  chan struct{}
	written bytes.Buffer
}

func (g *gate) Write(data []byte) (int, error) {
	<-g.opened
	return g.written.Write(data)
}

// A webhook whose log nobody reads becomes ready, refuses, follows its certificate, and ends.
func TestWebhookWithStalledLogReader(t *testing.T) {
	dir := certDir(t)
	listen := freeAddress(t)
	p := newProcess(freeAddress(t), "webhook", "--policy", deerflow, "--cert-dir", dir, "--listen", listen,
		"--service-name", "userscope", "--service-namespace", "userscope-system", "--drain-delay", "10ms")
	p.Cmd.Stderr, p.listen = full(t), listen
	p.run(t)
	p.awaitReadyz(t, http.StatusOK)

	hostile := strings.Replace(string(read(t, "testdata/pods/right.json")), `"user-id": "alice-"`, `"user-id": ".."`, 1)
	within(t, "a review", func() {
		if got := p.review(t, hostile); got.Allowed {
			t.Error("a sandbox of nobody is allowed")
		}
	})

	next := certDir(t)
	want, err := tls.LoadX509KeyPair(filepath.Join(next, "tls.crt"), filepath.Join(next, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"tls.crt", "tls.key"} {
		if err := os.Rename(filepath.Join(next, file), filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // after the line about the new certificate, too
		err = wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, patience, true, func(context.Context) (bool, error) {
			dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the certificate is compared
			conn, err := dialer.DialContext(t.Context(), "tcp", listen)
			if err != nil {
				return false, err
			}
			defer conn.Close()
			return bytes.Equal(conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw, want.Certificate[0]), nil
		})
		if err != nil {
			t.Errorf("the next certificate is not served: %v", err)
		}
	}
	if metrics := p.metrics(t); !strings.Contains(metrics, "\nuserscope_log_lines_lost_total 0\n") {
		t.Errorf("/metrics does not say how many lines are lost:\n%s", metrics)
	}
	p.signal(t, syscall.SIGTERM)
	if code, _ := p.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// A command that fails ends, even if nobody reads why.
func TestFailureWithStalledReader(t *testing.T) {
	p := newProcess(freeAddress(t), "webhook", "--policy", "no/such", "--cert-dir", certDir(t))
	p.Cmd.Stderr = full(t)
	p.run(t)
	if code, _ := p.exit(t); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
}
