package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"userscope.dev/userscope/migrate/owners"
)

// What keeps a migration from starting is said before anything is looked at, and changes nothing.
// What an API server decides is tried in test/suites/inuse.
func TestMigrateDoesNotStart(t *testing.T) {
	t.Setenv("KUBECONFIG", "/none")
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv(owners.DSNVariable, "")
	dir := t.TempDir()
	root := filepath.Join(dir, "deer-flow")
	if err := os.MkdirAll(filepath.Join(root, "threads", "t1"), 0o700); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "owners.csv")
	if err := os.WriteFile(list, []byte("thread_id,user_id\nt1,alice\nt1,bob\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a list that names a thread twice", []string{"--owners", list}, 1,
			list + `: line 3: thread_id "t1": is named again, with user_id "bob"; line 2 has it with "alice": leave one` + "\n"},
		{"PostgreSQL without a DSN", []string{"--owners", "postgres"}, 1,
			"postgres: USERSCOPE_OWNERS_DSN: is not set: set it to DeerFlow's database.postgres_url\n"},
		{"a kubeconfig for nothing", []string{"--kubeconfig", "/none"}, 2,
			"--kubeconfig: is for --check-pods, which is not there\nRun 'userscope migrate apply --help' for usage.\n"},
		{"a kubeconfig that is not there", []string{"--check-pods", "--kubeconfig", "/none"}, 1,
			"--check-pods: stat /none: no such file or directory\n"},
		{"no cluster at all", []string{"--check-pods"}, 1,
			"--check-pods: invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, errs, code := command("", append([]string{"migrate", "apply", "--root", root}, test.args...)...)
			if code != test.code || out != "" || errs != "userscope migrate apply: "+test.want {
				t.Errorf("got %d, %q,\n%s\nwant %d,\n%s", code, out, errs, test.code, test.want)
			}
			if left, err := os.ReadDir(root); err != nil || len(left) != 1 {
				t.Errorf("something has changed: %v, %v", left, err)
			}
		})
	}
}

// A signal ends a migration at once, by its own word and exit code, also while it waits for others.
func TestMigrateSignal(t *testing.T) {
	root, legacy, _ := oldClaim(t)
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for _, args := range [][]string{{"plan", "--legacy", legacy}, {"apply", "--legacy", legacy}, {"undo"}} {
			t.Run(args[0]+" "+signal.String(), func(t *testing.T) {
				asked := make(chan struct{}, 1)
				api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					asked <- struct{}{}
					<-r.Context().Done() // it never answers
				}))
				defer api.Close()
				args := append([]string{"migrate", args[0], "--root", root, "--check-pods", "--kubeconfig", kubeconfig(t, api.Listener.Addr().String())}, args[1:]...)
				command := exec.CommandContext(t.Context(), os.Args[0], args...)
				command.Env = append(os.Environ(), asMain+"=1")
				var stderr strings.Builder
				command.Stderr = &stderr
				if err := command.Start(); err != nil {
					t.Fatal(err)
				}
				select {
				case <-asked:
				case <-time.After(patience):
					t.Error("the API server was not asked")
				}
				if err := command.Process.Signal(signal); err != nil {
					t.Error(err)
				}
				_ = command.Wait() // the exit code tells
				want := "userscope migrate " + args[1] + ": interrupted before it looked at the claim: nothing has moved\n"
				if code := command.ProcessState.ExitCode(); code != 1 || stderr.String() != want {
					t.Errorf("exit code %d, %s\nwant 1, %s", code, stderr.String(), want)
				}
			})
		}
	}
}

// So it does while it looks at the claim. Where it is then is tried in test/suites/migrate.
func TestMigrateInterrupted(t *testing.T) {
	root, legacy, list := oldClaim(t)
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	migrate := func(ctx context.Context, args ...string) (code int, why string) {
		command := rootCommand()
		command.SetArgs(append([]string{"migrate"}, args...))
		command.SetOut(new(strings.Builder))
		err := command.ExecuteContext(ctx)
		var exit *exitError
		if !errors.As(err, &exit) {
			t.Fatalf("%s: %v", args, err)
		}
		if exit.err == nil {
			return exit.code, ""
		}
		return exit.code, exit.err.Error()
	}
	flags := []string{"--root", root, "--legacy", legacy}
	for _, verb := range []string{"plan", "apply"} {
		const want = "interrupted before all was looked at: nothing has moved"
		if code, why := migrate(interrupted, append(flags, verb)...); code != 1 || why != want {
			t.Errorf("%s: exit code %d, %s, want 1, %s", verb, code, why, want)
		}
	}
	if code, why := migrate(t.Context(), append(flags, "apply", "--owners", list)...); code != 3 {
		t.Fatalf("exit code %d, %s", code, why)
	}
	const want = "interrupted after 0 of 2 moves: run it again to go on"
	if code, why := migrate(interrupted, "undo", "--root", root); code != 1 || why != want {
		t.Errorf("undo: exit code %d, %s, want 1, %s", code, why, want)
	}
}
