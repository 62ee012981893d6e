package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// kubeconfig returns a file for an API server at an address.
func kubeconfig(t *testing.T, address string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	content := fmt.Sprintf(`
apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: "http://%s"}}]
contexts: [{name: a, context: {cluster: a}}]
current-context: a
`, address)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A kubeconfig that is of no use is named.
func TestCertsBadKubeconfig(t *testing.T) {
	dir := t.TempDir()
	broken, empty := filepath.Join(dir, "broken"), filepath.Join(dir, "empty")
	if err := errors.Join(os.WriteFile(broken, []byte("clusters: 7"), 0o600), os.WriteFile(empty, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, subcommand := range []string{"run", "once", "status"} {
		for _, test := range []struct{ name, file, want string }{
			{"none", "no/such", "stat no/such: no such file or directory"},
			{"a directory", dir, `error loading config file "` + dir + `": read ` + dir + `: is a directory`},
			{"broken", broken, `error loading config file "` + broken + `": `},
			{"empty", empty, "names no cluster"},
		} {
			t.Run(subcommand+" "+test.name, func(t *testing.T) {
				stdout, stderr, code := command("", "certs", subcommand, "--kubeconfig", test.file)
				want := "userscope certs " + subcommand + ": --kubeconfig " + test.file + ": " + test.want
				if code != 1 || stdout != "" || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
					t.Errorf("exit code %d, stdout %q, stderr\n%s\nwant 1, nothing and\n%s", code, stdout, stderr, want)
				}
			})
		}
	}
}

// Outside a Pod, with no kubeconfig anywhere, there is no cluster to talk to.
func TestCertsNoKubeconfig(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	_, stderr, code := command("", "certs", "status")
	want := "userscope certs status: --kubeconfig: name a file: neither $KUBECONFIG nor ~/.kube/config names a cluster, and this is not a Pod\n"
	if code != 1 || stderr != want {
		t.Errorf("exit code %d, stderr\n%s\nwant 1 and\n%s", code, stderr, want)
	}
}

// Without an API server nothing can be said or done, and that is said.
func TestCertsWithoutAPIServer(t *testing.T) {
	address := freeAddress(t)
	file := kubeconfig(t, address)
	for _, subcommand := range []string{"once", "status"} {
		t.Run(subcommand, func(t *testing.T) {
			stdout, stderr, code := command("", "certs", subcommand, "--kubeconfig", file, "--service-namespace", "here", "--secret-name", "mine")
			want := fmt.Sprintf("userscope certs %s: get Secret here/mine: Get \"http://%s/api/v1/namespaces/here/secrets/mine\": dial tcp %[2]s: connect: connection refused\n", subcommand, address)
			if code != 1 || stdout != "" || stderr != want {
				t.Errorf("exit code %d, stdout %q, stderr\n%s\nwant 1, nothing and\n%s", code, stdout, stderr, want)
			}
		})
	}
}

// An API server that takes a call and never answers does not keep anybody waiting for ever.
func TestCertsWithSilentAPIServer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	file := kubeconfig(t, silent.Addr().String())
	for _, subcommand := range []string{"once", "status"} {
		t.Run(subcommand, func(t *testing.T) {
			stdout, stderr, code := command("", "certs", subcommand, "--kubeconfig", file, "--timeout", "100ms")
			if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "userscope certs "+subcommand+": get Secret userscope-system/userscope-tls: ") || !strings.Contains(stderr, "deadline exceeded") {
				t.Errorf("exit code %d, stdout %q, stderr\n%s\nwant 1, nothing and which request took too long", code, stdout, stderr)
			}
		})
	}
}

// An issuer outlives its API server: it lives, is not ready, says why, and ends when it is told to.
func TestCertsRun(t *testing.T) {
	address := freeAddress(t)
	p := startProcess(t, freeAddress(t), "certs", "run", "--kubeconfig", kubeconfig(t, address), "--interval", "20ms")
	p.awaitReadyz(t, http.StatusServiceUnavailable)
	response, err := http.Get("http://" + p.health + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("/healthz is %s", response.Status)
	}
	metrics := p.metrics(t)
	for _, line := range []string{"userscope_issuer_last_pass_successful 0", "# TYPE go_goroutines gauge", "# TYPE process_open_fds gauge"} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("/metrics does not say %s:\n%s", line, metrics)
		}
	}
	p.signal(t, syscall.SIGTERM)
	code, stderr := p.exit(t)
	if messages := logMessages(t, stderr); code != 0 || messages != "\nthe certificates need a person\n" || !strings.Contains(stderr, "dial tcp "+address+": connect: connection refused") {
		t.Errorf("exit code %d, log\n%s\nwant 0 and, once, why the certificates need a person", code, stderr)
	}
}

// An issuer whose health cannot be seen does not run.
func TestCertsRunCannotListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	code, stderr := startProcess(t, address, "certs", "run", "--kubeconfig", kubeconfig(t, freeAddress(t))).exit(t)
	want := "userscope certs run: --listen-health " + address + ": listen tcp " + address + ": bind: address already in use\n"
	if code != 1 || !strings.HasSuffix(stderr, want) {
		t.Errorf("exit code %d, stderr\n%s\nwant 1 and\n%s", code, stderr, want)
	}
}
