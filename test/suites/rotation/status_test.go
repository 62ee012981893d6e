package rotation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

// What a person is told, and the exit code, of an installation that is well, one whose certificate has not
// been renewed, and one that is broken.
func TestStatus(t *testing.T) {
	install(t)
	i := startIssuer(t, kubeconfig(), lifetimes(100*24*time.Hour, 30*24*time.Hour, shortPropagation)...)
	r := startReplica(t, shortDelay)
	awaitRest(t, []*issuer{i}, r)
	if err := i.Stop(patience); err != nil {
		t.Fatal(err)
	}

	t.Run("healthy", func(t *testing.T) {
		const stored = `
WHERE  CERTIFICATE  SIGNED BY  EXPIRES  STATE
CA's Secret ca.crt  FP1  -  TIME (in 99 days)  ok
Secret ca.crt  FP1  -  TIME (in 99 days)  ok
Secret tls.crt  FP2  FP1  TIME (in 29 days)  ok
MutatingWebhookConfiguration zz-userscope, pods.userscope.dev  FP1  -  TIME (in 99 days)  ok
ValidatingWebhookConfiguration zz-userscope, pods.userscope.dev  FP1  -  TIME (in 99 days)  ok
`
		const served = "served at ADDRESS  FP2  FP1  TIME (in 29 days)  ok\n"
		const well = "\nAll is well.\n"
		wantStatus(t, 0, stored+well, "")
		wantStatus(t, 0, stored+served+well, "", "--address", r.address())
	})

	now := time.Now()
	_, authorities, err := secretData(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	editSecret(t, servingName, func(secret *corev1.Secret) {
		sign(t, secret.Data, authorities, now.Add(-22*24*time.Hour-time.Hour), now.Add(8*24*time.Hour+time.Hour))
	})
	await(t, "the replica serves it", func(ctx context.Context) error { return served(ctx, r) })
	t.Run("expiring", func(t *testing.T) {
		wantStatus(t, 1, `
WHERE  CERTIFICATE  SIGNED BY  EXPIRES  STATE
CA's Secret ca.crt  FP1  -  TIME (in 99 days)  ok
Secret ca.crt  FP1  -  TIME (in 99 days)  ok
Secret tls.crt  FP2  FP1  TIME (in 8 days)  expiring: it should have been renewed at TIME
MutatingWebhookConfiguration zz-userscope, pods.userscope.dev  FP1  -  TIME (in 99 days)  ok
ValidatingWebhookConfiguration zz-userscope, pods.userscope.dev  FP1  -  TIME (in 99 days)  ok
served at ADDRESS  FP2  FP1  TIME (in 8 days)  expiring: it should have been renewed at TIME

Not well:
  - Secret tls.crt: expiring: it should have been renewed at TIME
  - served at ADDRESS: expiring: it should have been renewed at TIME
`, "", "--address", r.address())
	})

	setBundle(t, mutating, foreign(t, host)["ca.crt"])
	setBundle(t, validating, nil)
	editSecret(t, authoritiesName, func(secret *corev1.Secret) { secret.Data["ca.key"] = []byte("garbage") })
	t.Run("broken", func(t *testing.T) {
		wantStatus(t, 1, `
WHERE  CERTIFICATE  SIGNED BY  EXPIRES  STATE
Secret ca.crt  FP1  -  TIME (in 99 days)  ok
Secret tls.crt  FP2  FP1  TIME (in 8 days)  expiring: it should have been renewed at TIME
MutatingWebhookConfiguration zz-userscope, pods.userscope.dev  FP3  -  TIME (in 23 hours)  foreign: no Secret holds it; an issuer removes it in minutes: if it stays or comes back, find out who adds it
ValidatingWebhookConfiguration zz-userscope, pods.userscope.dev  -  -  -  its caBundle holds no certificate in PEM: API servers trust no one
served at ADDRESS  FP2  -  TIME (in 8 days)  expiring: it should have been renewed at TIME

Not well:
  - CA's Secret: ca.crt and ca.key are of no use: its private key is no PKCS #8 key in PEM
  - Secret tls.crt: expiring: it should have been renewed at TIME
  - MutatingWebhookConfiguration zz-userscope, pods.userscope.dev: foreign: no Secret holds it; an issuer removes it in minutes: if it stays or comes back, find out who adds it
  - MutatingWebhookConfiguration zz-userscope, pods.userscope.dev: its caBundle does not trust the Secret's serving certificate
  - ValidatingWebhookConfiguration zz-userscope, pods.userscope.dev: its caBundle holds no certificate in PEM: API servers trust no one
  - served at ADDRESS: MutatingWebhookConfiguration zz-userscope, pods.userscope.dev does not take it: the certificate does not chain to the CA: x509: certificate signed by unknown authority
  - served at ADDRESS: expiring: it should have been renewed at TIME
`, "", "--address", r.address())
	})
	if err := deleteConfiguration(t.Context(), validating); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{servingName, authoritiesName} {
		editSecret(t, name, func(secret *corev1.Secret) { clear(secret.Data) })
	}
	t.Run("missing", func(t *testing.T) {
		wantStatus(t, 1, `
WHERE  CERTIFICATE  SIGNED BY  EXPIRES  STATE
Secret tls.crt  -  -  -  there is no serving certificate that is of use
MutatingWebhookConfiguration zz-userscope, pods.userscope.dev  FP1  -  TIME (in 23 hours)  foreign: no Secret holds it; an issuer removes it in minutes: if it stays or comes back, find out who adds it
served at 127.0.0.1:1  -  -  -  TLS handshake: dial tcp 127.0.0.1:1: connect: connection refused

Not well:
  - ValidatingWebhookConfiguration zz-userscope: is not there, so that Userscope does not see what it is for: restore it with what installed it: helm upgrade --reuse-values, or kubectl apply -f install.yaml
  - Secret tls.crt: there is no serving certificate that is of use
  - MutatingWebhookConfiguration zz-userscope, pods.userscope.dev: foreign: no Secret holds it; an issuer removes it in minutes: if it stays or comes back, find out who adds it
  - served at 127.0.0.1:1: TLS handshake: dial tcp 127.0.0.1:1: connect: connection refused
`, "", "--address", "127.0.0.1:1")
	})
	if err := deleteSecret(t.Context(), servingName); err != nil {
		t.Fatal(err)
	}
	t.Run("no Secret", func(t *testing.T) {
		wantStatus(t, 1, "\n", "userscope certs status: the Secret userscope-system/userscope-tls is not there: "+
			"restore it with: kubectl create secret generic userscope-tls --namespace userscope-system\n")
	})
}

// wantStatus compares the exit code of `userscope certs status`, and what it prints to stdout, but for what
// differs each time, and stderr.
func wantStatus(t *testing.T, wantCode int, wantOut, wantErr string, args ...string) {
	t.Helper()
	program, err := webhookprocess.Binary()
	if err != nil {
		t.Fatal(err)
	}
	var out, problems bytes.Buffer
	command := exec.Command(program, append([]string{"certs", "status", "--kubeconfig", cluster.Kubeconfig(controlplane.Admin)}, args...)...)
	command.Stdout, command.Stderr = &out, &problems
	err = command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if code := command.ProcessState.ExitCode(); code != wantCode {
		t.Errorf("exit code %d, want %d", code, wantCode)
	}
	if got := "\n" + plain(out.String()); got != wantOut {
		t.Errorf("got\n%s\nwant\n%s", got, wantOut)
	}
	if problems.String() != wantErr {
		t.Errorf("stderr\n%s\nwant\n%s", &problems, wantErr)
	}
}

var (
	gaps         = regexp.MustCompile(` {2,}`)
	fingerprints = regexp.MustCompile(`\b[0-9a-f]{12}\b`)
	times        = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	addresses    = regexp.MustCompile(`127\.0\.0\.1:\d{2,}`)
)

// plain numbers the fingerprints of a report, and leaves out its times and addresses and the width of its
// columns.
func plain(report string) string {
	numbers := map[string]string{}
	report = fingerprints.ReplaceAllStringFunc(report, func(fingerprint string) string {
		if numbers[fingerprint] == "" {
			numbers[fingerprint] = fmt.Sprintf("FP%d", len(numbers)+1)
		}
		return numbers[fingerprint]
	})
	report = times.ReplaceAllString(report, "TIME")
	report = addresses.ReplaceAllString(report, "ADDRESS")
	lines := strings.Split(report, "\n")
	for n, line := range lines {
		if !strings.HasPrefix(line, "  - ") {
			lines[n] = gaps.ReplaceAllString(line, "  ")
		}
	}
	return strings.Join(lines, "\n")
}
