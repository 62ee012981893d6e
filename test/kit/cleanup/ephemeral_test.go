package cleanup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"
)

// shell starts a shell script as a child.
func shell(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(t.TempDir(), "/bin/sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestWait(t *testing.T) {
	for _, test := range []struct {
		name, script string
		want         string // "": no error
	}{
		{"a good end is no error", "echo fine", ""},
		{"a bad end shows the log", "echo out; echo err >&2; exit 3", "sh ended: exit status 3\nThe end of its log:\n\tout\n\terr"},
		{"of a long log only the end", "seq 1 100; exit 1",
			"sh ended: exit status 1\nThe end of its log:\n\t81\n\t82\n\t83\n\t84\n\t85\n\t86\n\t87\n\t88\n\t89\n\t90\n\t91\n\t92\n\t93\n\t94\n\t95\n\t96\n\t97\n\t98\n\t99\n\t100"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := shell(t, test.script).Wait(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got:  %q\nwant: %q", got, test.want)
			}
		})
	}
}

func TestStop(t *testing.T) {
	for _, test := range []struct {
		name, script string
		grace        time.Duration
		want         string // "": no error
	}{
		{"asks first", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done", time.Minute, ""},
		{"kills what does not listen", "trap '' TERM; echo ready; while :; do sleep 0.01; done", time.Millisecond, "signal: killed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := shell(t, test.script)
			awaitLog(t, p, "ready")
			err := p.Stop(test.grace)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got: %v, want: %q", err, test.want)
			}
		})
	}
}

// awaitLog waits until the process has written a line.
func awaitLog(t *testing.T, p *Process, line string) {
	t.Helper()
	err := AwaitReady(t.Context(), func(context.Context) error {
		log, err := os.ReadFile(p.LogFile)
		if err == nil && !strings.Contains(string(log), line) {
			err = fmt.Errorf("no line %q", line)
		}
		return err
	}, p)
	if err != nil {
		t.Fatal(err)
	}
}

func TestAwaitReady(t *testing.T) {
	never := func(context.Context) error { return errors.New("not yet") }
	t.Run("a process that ends can never be ready", func(t *testing.T) {
		err := AwaitReady(t.Context(), never, shell(t, "sleep 100"), shell(t, "echo why; exit 1"))
		if err == nil || !strings.Contains(err.Error(), "why") || !strings.Contains(err.Error(), "sh ended before it was ready") {
			t.Errorf("got: %v", err)
		}
	})
	t.Run("the end of the context shows the last answer and the log", func(t *testing.T) {
		p := shell(t, "echo waiting for something; exec sleep 100")
		awaitLog(t, p, "waiting")
		ctx, cancel := context.WithCancel(t.Context())
		err := AwaitReady(ctx, func(ctx context.Context) error { cancel(); return never(ctx) }, p)
		want := "sh is not ready: context canceled (last answer: not yet)\nThe end of its log:\n\twaiting for something"
		if err == nil || err.Error() != want {
			t.Errorf("got: %v\nwant: %s", err, want)
		}
	})
}

func TestRetry(t *testing.T) {
	// What a program really says when it cannot listen.
	taken := shell(t, "echo listen: "+listenTwice(t)+"; exit 1").Wait()
	other := shell(t, "echo other; exit 1").Wait()
	for _, test := range []struct {
		name   string
		errs   []error // of each call
		calls  int
		result error
	}{
		{"success is not repeated", []error{nil}, 1, nil},
		{"a taken port is tried again", []error{taken, nil}, 2, nil},
		{"three times at most", []error{taken, taken, taken, nil}, 3, taken},
		{"another failure is final", []error{other, nil}, 1, other},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls := 0
			err := Retry(func() error { calls++; return test.errs[calls-1] })
			if calls != test.calls || !errors.Is(err, test.result) {
				t.Errorf("%d calls, %v; want %d, %v", calls, err, test.calls, test.result)
			}
		})
	}
}

// listenTwice returns the error of listening on a port that is in use.
func listenTwice(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, err = net.Listen("tcp", listener.Addr().String())
	if err == nil {
		t.Fatal("a port could be listened on twice")
	}
	return err.Error()
}

func TestDir(t *testing.T) {
	d, err := MkdirTemp("userscope-ephemeral-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.Path, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(d.Path); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// Whoever keeps only the path of a directory may go on using it; who removes it is held no longer than that.
func TestDirOutlivesItsLastReference(t *testing.T) {
	dir := ""
	held := func() weak.Pointer[janitor] {
		d, err := MkdirTemp("userscope-ephemeral-")
		if err != nil {
			t.Fatal(err)
		}
		dir = d.Path
		return weak.Make(d.janitor)
	}()
	runtime.GC()
	func() {
		j := held.Value()
		if j == nil {
			t.Fatal("the garbage collector took it")
		}
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
		if err := j.work(); err != nil {
			t.Error(err)
		}
	}()
	runtime.GC()
	if held.Value() != nil {
		t.Error("it is held although its work is done")
	}
}
