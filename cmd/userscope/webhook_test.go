package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"userscope.dev/userscope/webhook/policy"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// process is a userscope that runs as it does in a cluster.
type process struct {
	*exec.Cmd
	listen, health string
	stderr         lockedBuffer
	exited         chan struct{}
}

// startWebhook starts userscope webhook with DeerFlow's policy, on free ports, with a certificate
// of its own, and with more flags.
func startWebhook(t *testing.T, flags ...string) *process {
	t.Helper()
	listen := freeAddress(t)
	p := startProcess(t, freeAddress(t), append([]string{
		"webhook", "--policy", deerflow, "--cert-dir", certDir(t), "--listen", listen,
		"--service-name", "userscope", "--service-namespace", "userscope-system",
	}, flags...)...)
	p.listen = listen
	return p
}

// startProcess starts a command of userscope that serves its health at an address; it kills it at the
// end of the test at the latest.
func startProcess(t *testing.T, health string, args ...string) *process {
	t.Helper()
	p := newProcess(health, args...)
	p.run(t)
	return p
}

// newProcess returns a command that has not been started, with its stderr in a buffer.
func newProcess(health string, args ...string) *process {
	p := &process{health: health, exited: make(chan struct{})}
	p.Cmd = exec.Command(os.Args[0], append(args, "--listen-health", health)...)
	p.Env = append(os.Environ(), asMain+"=1")
	p.Cmd.Stderr = &p.stderr
	return p
}

// run starts the command, and kills it at the end of the test at the latest.
func (p *process) run(t *testing.T) {
	t.Helper()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		_ = p.Wait() // the exit code is in ProcessState
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.exited
	})
}

// lockedBuffer can be read while a process still writes to it.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(data)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// exit waits for the end of the process and returns its exit code, -1 if a signal ended it, and
// what it printed.
func (p *process) exit(t *testing.T) (int, string) {
	t.Helper()
	select {
	case <-p.exited:
		return p.ProcessState.ExitCode(), p.stderr.String()
	case <-time.After(patience):
		t.Fatal("the process did not end")
		return 0, ""
	}
}

// awaitReadyz waits for a status of /readyz.
func (p *process) awaitReadyz(t *testing.T, want int) {
	t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(t.Context(), 5*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		response, err := http.Get("http://" + p.health + "/readyz")
		if err != nil {
			last = err.Error()
			return false, nil
		}
		defer response.Body.Close()
		last = response.Status
		return response.StatusCode == want, nil
	})
	if err != nil {
		t.Fatalf("waiting for /readyz to be %d: %v; last seen: %s", want, err, last)
	}
}

func (p *process) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := p.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// review sends a Pod's creation to the webhook.
func (p *process) review(t *testing.T, pod string) *admissionv1.AdmissionResponse {
	t.Helper()
	body := fmt.Sprintf(`{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
		"uid": "1", "operation": "CREATE", "namespace": "deer-flow", "name": "sandbox-2", "userInfo": {"username": %q},
		"kind": {"version": "v1", "kind": "Pod"}, "resource": {"version": "v1", "resource": "pods"}, "object": %s}}`, provisioner, pod)
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the test knows whom it calls
	}}
	response, err := client.Post("https://"+p.listen+"/mutate", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(response.Body).Decode(&review); err != nil {
		t.Fatal(err)
	}
	return review.Response
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

// certDir returns a directory with a certificate of the Service of these tests.
func certDir(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"userscope.userscope-system.svc"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for file, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: cert},
		"tls.key": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The program judges by the policy file, logs JSON lines, counts, and ends when it is told to.
func TestWebhook(t *testing.T) {
	p := startWebhook(t, "--drain-delay", "10ms", "--log-level", "debug")
	p.awaitReadyz(t, http.StatusOK)

	right := string(read(t, "testdata/pods/right.json"))
	if got := p.review(t, right); !got.Allowed || got.Patch != nil {
		t.Errorf("a sandbox that is right: allowed %t, patch %s, %v", got.Allowed, got.Patch, got.Result)
	}
	wrong := strings.Replace(right, "/users/alice-/", "/users/bob/", 1)
	want := `[{"op":"replace","path":"/spec/containers/0/volumeMounts/0/subPath","value":"deer-flow/users/alice-/threads/thread-1/user-data"}]`
	if got := p.review(t, wrong); !got.Allowed || string(got.Patch) != want {
		t.Errorf("a sandbox in another's directory: allowed %t, patch %s, %v; want %s", got.Allowed, got.Patch, got.Result, want)
	}
	hostile := strings.Replace(right, `"user-id": "alice-"`, `"user-id": ".."`, 1)
	if got := p.review(t, hostile); got.Allowed || got.Result.Code != http.StatusUnprocessableEntity {
		t.Errorf("a sandbox of nobody: allowed %t, %v", got.Allowed, got.Result)
	}
	metrics := p.metrics(t)
	for _, line := range []string{
		`userscope_decisions_total{rule="",verdict="allowed"} 1`,
		`userscope_decisions_total{rule="",verdict="rewritten"} 1`,
		`userscope_decisions_total{rule="identity-invalid",verdict="refused"} 1`,
		`controller_runtime_webhook_requests_total{code="200",webhook="/mutate"} 3`,
		`controller_runtime_webhook_panics_total 0`,
		"# TYPE go_goroutines gauge",
		"# TYPE process_open_fds gauge",
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("/metrics does not say %s", line)
		}
	}

	p.signal(t, syscall.SIGTERM)
	code, stderr := p.exit(t)
	if code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	messages := logMessages(t, stderr)
	for _, message := range []string{"admitted", "refused", "draining", "drained"} {
		if !strings.Contains(messages, "\n"+message+"\n") {
			t.Errorf("the log lacks %q:\n%s", message, stderr)
		}
	}
	if strings.Contains(stderr, "alice-") {
		t.Errorf("the log tells whose sandboxes there are:\n%s", stderr)
	}
}

func (p *process) metrics(t *testing.T) string {
	t.Helper()
	response, err := http.Get("http://" + p.health + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// logMessages returns the messages of a log of JSON lines, one to a line.
func logMessages(t *testing.T, log string) string {
	t.Helper()
	messages := "\n"
	scanner := bufio.NewScanner(strings.NewReader(log))
	for scanner.Scan() {
		var line struct {
			Time  time.Time `json:"time"`
			Level string    `json:"level"`
			Msg   string    `json:"msg"`
		}
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil || line.Time.IsZero() || line.Level == "" {
			t.Errorf("not a JSON log line: %v: %s", err, scanner.Bytes())
		}
		messages += line.Msg + "\n"
	}
	return messages
}

// Libraries log as the program does, net/http's complaint about a bad handshake among them.
func TestWebhookLogsOnlyJSON(t *testing.T) {
	p := startWebhook(t, "--drain-delay", "0s")
	p.awaitReadyz(t, http.StatusOK)
	conn, err := net.Dial("tcp", p.listen)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
	if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	conn.Close()
	p.signal(t, syscall.SIGINT)
	code, stderr := p.exit(t)
	if messages := logMessages(t, stderr); code != 0 || !strings.Contains(messages, "http: TLS handshake error") {
		t.Errorf("exit code %d, log\n%s", code, stderr)
	}
}

// A person at a terminal, or a node in a hurry, does not wait for the drain delay.
func TestSecondSignalEndsTheWebhookAtOnce(t *testing.T) {
	p := startWebhook(t, "--drain-delay", "1h")
	p.awaitReadyz(t, http.StatusOK)
	p.signal(t, syscall.SIGTERM)
	p.awaitReadyz(t, http.StatusServiceUnavailable)
	p.signal(t, syscall.SIGTERM)
	if code, stderr := p.exit(t); code == 0 {
		t.Errorf("exit code 0, as if it had drained; log\n%s", stderr)
	}
}

// What keeps the webhook from serving is said in words, and the exit code is 1.
func TestWebhookCannotStart(t *testing.T) {
	badPolicy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(badPolicy, []byte("apiVersion: userscope.dev/v1alpha1\nkind: Policy\nspek: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct {
		name  string
		flags []string
		want  string
	}{
		{"no policy file", []string{"--policy", "no/such/policy.yaml"}, "userscope webhook: policy file: open no/such/policy.yaml: no such file or directory\n"},
		{"a bad policy", []string{"--policy", badPolicy}, "userscope webhook: " + badPolicy + `: unknown field "spek"`},
		{"no certificate", []string{"--cert-dir", "no/such"}, "userscope webhook: --cert-dir: certificate: open no/such/tls.crt: no such file or directory\n"},
		{"a port in use", []string{"--listen", taken.Addr().String()}, "userscope webhook: --listen " + taken.Addr().String() + ": listen tcp " + taken.Addr().String() + ": bind: address already in use\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stderr := startWebhook(t, test.flags...).exit(t)
			if code != 1 || !strings.Contains(stderr, test.want) {
				t.Errorf("exit code %d, stderr\n%s\nwant 1 and\n%s", code, stderr, test.want)
			}
		})
	}
}

// A certificate directory that cannot be served is named, and no port is opened.
func TestWebhookChecksCertificatesBeforeListening(t *testing.T) {
	dir := certDir(t)
	if err := os.WriteFile(filepath.Join(dir, "tls.key"), read(t, filepath.Join(certDir(t), "tls.key")), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	// Had it tried to listen, it would say that it could not.
	code, stderr := startProcess(t, taken.Addr().String(), "webhook", "--policy", deerflow, "--cert-dir", dir, "--listen", taken.Addr().String()).exit(t)
	want := fmt.Sprintf("userscope webhook: --cert-dir: certificate %s/tls.crt with private key %[1]s/tls.key: tls: private key does not match public key\n", dir)
	if code != 1 || stderr != want {
		t.Errorf("exit code %d, stderr\n%s\nwant 1 and\n%s", code, stderr, want)
	}
}

// The keys and the policy are followed while the program runs, and a broken one is not taken.
func TestWebhookFollowsKeysAndPolicy(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string) {
		half := filepath.Join(t.TempDir(), "half")
		if err := errors.Join(os.WriteFile(half, []byte(content), 0o600), os.Rename(half, filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
	}
	file := strings.Replace(string(read(t, deerflow)), "proof: Adopted", "proof: Always\n  keyFile: key", 1)
	put("policy.yaml", file)
	put("key", strings.Repeat("old-key-", 4))
	p := startWebhook(t, "--policy", filepath.Join(dir, "policy.yaml"))
	p.awaitReadyz(t, http.StatusOK)

	await := func(what, sandboxID string, allowed bool) {
		pod := strings.Replace(string(read(t, "testdata/pods/right.json")), `"app":`, `"sandbox-id": "`+sandboxID+`", "app":`, 1)
		err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, patience, true, func(context.Context) (bool, error) {
			return p.review(t, pod).Allowed == allowed, nil
		})
		if err != nil {
			t.Errorf("%s: %v\n%s", what, err, p.stderr.String())
		}
	}
	const id = "alice-:thread-1"
	oldID := policy.SandboxID(id, policy.Key(strings.Repeat("old-key-", 4)))[:16]
	newID := policy.SandboxID(id, policy.Key(strings.Repeat("new-key-", 4)))[:16]
	await("an id of the key", oldID, true)
	await("an id of no key", newID, false)
	put("key", strings.Repeat("new-key-", 4))
	await("an id of the new key", newID, true)
	await("an id of the old key", oldID, false)
	put("policy.yaml", strings.Replace(file, "claim: deer", "claims: deer", 1))
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		return strings.Contains(p.stderr.String(), `unknown field \"spec.claims\"`), nil
	})
	if err != nil {
		t.Errorf("the broken file is not reported: %v\n%s", err, p.stderr.String())
	}
	await("an id of the key, while the policy is broken", newID, true)
	const metric = "\nuserscope_policy_last_reload_successful "
	metrics := p.metrics(t)
	for _, line := range []string{
		metric + "0\n",
		// The first, and the one with the new key.
		`userscope_policy_reloads_total{result="success"} 2` + "\n",
		`userscope_policy_reloads_total{result="failure"} 1` + "\n",
		fmt.Sprintf("userscope_policy_info{hash=\"%x\"} 1\n", sha256.Sum256([]byte(file))),
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("while the policy is broken the metrics do not say %q:\n%s", line, metrics)
		}
	}
	put("policy.yaml", file)
	err = wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		return strings.Contains(p.metrics(t), metric+"1\n"), nil
	})
	if err != nil {
		t.Errorf("the end of the mistake is not counted: %v\n%s", err, p.stderr.String())
	}
	if log := p.stderr.String(); strings.Count(log, `"policies":["deer-flow: proof Always, keys 1"]`) != 3 {
		t.Errorf("the log does not say three times what is in force:\n%s", log)
	}
	if log := p.stderr.String(); strings.Contains(log, "-key-") {
		t.Errorf("the log shows a key:\n%s", log)
	}
}
