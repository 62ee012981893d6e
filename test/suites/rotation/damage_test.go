package rotation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"userscope.dev/userscope/test/kit/pki"
)

// A short propagation bound and a kubelet that keeps well within it: how late things may be seen is
// TestRotation's concern.
const (
	shortPropagation = 3 * time.Second
	shortDelay       = 500 * time.Millisecond
)

// installed is an issuer behind a relay, and a replica, with certificates that do not expire in a test.
// The replica may at no time be other than ready.
func installed(t *testing.T) (*relay, *issuer, *replica) {
	t.Helper()
	install(t)
	relay := startRelay(t)
	i := startIssuer(t, relay.kubeconfig, lifetimes(time.Hour, 30*time.Minute, shortPropagation)...)
	r := startReplica(t, shortDelay)
	awaitRest(t, []*issuer{i}, r)
	r.watchReadiness(t)
	return relay, i, r
}

// damage takes the signing key and the certificate out of the Secret, which there is much to do about. It
// returns the Secret's resourceVersion.
func damage(t *testing.T) (resourceVersion string) {
	t.Helper()
	editSecret(t, func(secret *corev1.Secret) {
		delete(secret.Data, "ca.key")
		delete(secret.Data, "tls.crt")
	})
	secret, err := readSecret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return secret.ResourceVersion
}

// Whatever the Secret holds, the issuer makes it whole; what others keep in it stays; and no API server is
// ever shown a certificate that it does not trust.
func TestDamagedSecret(t *testing.T) {
	_, i, r := installed(t)
	probes := startProbes(t, shortPropagation, r)
	now := time.Now()
	for _, test := range []struct {
		name   string
		damage func(*testing.T, map[string][]byte)
	}{
		{"emptied", func(_ *testing.T, data map[string][]byte) { clear(data) }},
		{"half-written: no private key", func(_ *testing.T, data map[string][]byte) { delete(data, "tls.key") }},
		{"half-written: no CA", func(_ *testing.T, data map[string][]byte) { delete(data, "ca.crt") }},
		{"the CA's key is garbage", func(_ *testing.T, data map[string][]byte) { data["ca.key"] = []byte("garbage") }},
		{"all is garbage", func(_ *testing.T, data map[string][]byte) {
			for key := range data {
				data[key] = []byte("garbage")
			}
		}},
		{"an expired certificate", func(t *testing.T, data map[string][]byte) { sign(t, data, now.Add(-2*time.Hour), now.Add(-time.Hour)) }},
		{"a certificate that is not valid yet", func(t *testing.T, data map[string][]byte) { sign(t, data, now.Add(time.Hour), now.Add(2*time.Hour)) }},
		{"a certificate with another's key", func(t *testing.T, data map[string][]byte) {
			other := maps.Clone(data)
			sign(t, other, now, now.Add(time.Hour))
			data["tls.key"] = other["tls.key"]
		}},
		{"a certificate of another CA", func(t *testing.T, data map[string][]byte) {
			other := foreign(t, host)
			data["tls.crt"], data["tls.key"] = other["tls.crt"], other["tls.key"]
		}},
		{"a certificate of another Service", func(t *testing.T, data map[string][]byte) {
			maps.Copy(data, foreign(t, "another.userscope-system.svc"))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			editSecret(t, func(secret *corev1.Secret) {
				test.damage(t, secret.Data)
				secret.Labels = map[string]string{"whose": "anothers"}
				secret.Data["another"] = []byte("'s")
			})
			awaitRest(t, []*issuer{i}, r)
			secret, err := readSecret(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if string(secret.Data["another"]) != "'s" || secret.Labels["whose"] != "anothers" {
				t.Errorf("what others keep in the Secret is gone: %v", secret.Labels)
			}
		})
	}
	if probes.judged.Load() < 50 {
		t.Errorf("only %d handshakes could be judged, %d came too late", probes.judged.Load(), probes.late.Load())
	}
}

// foreign is a serving certificate of a CA that nobody trusts.
func foreign(t *testing.T, host string) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	if _, err := pki.WriteServing(dir, host); err != nil {
		t.Fatal(err)
	}
	return readFiles(t, dir)
}

// A Secret that is deleted is missed, with the command that restores it; it is not created.
func TestDeletedSecret(t *testing.T) {
	_, i, r := installed(t)
	startProbes(t, shortPropagation, r)
	if err := deleteSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	const restore = "kubectl create secret generic userscope-tls --namespace userscope-system"
	i.awaitReport(t, "the Secret userscope-system/userscope-tls is not there: restore it with: "+restore)
	i.awaitPasses(t)
	if _, err := readSecret(t.Context()); !apierrors.IsNotFound(err) {
		t.Errorf("the Secret is there: %v", err)
	}
	if out, err := kubectl(strings.Fields(restore)[1:]...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	awaitRest(t, []*issuer{i}, r)
}

// A configuration that is deleted is missed, and not created. One that comes without caBundle is given it at
// once.
func TestDeletedConfiguration(t *testing.T) {
	_, i, r := installed(t)
	for _, kind := range []string{mutating, validating} {
		t.Run(kind, func(t *testing.T) {
			if err := deleteConfiguration(t.Context(), kind); err != nil {
				t.Fatal(err)
			}
			i.awaitReport(t, kind+" zz-userscope: is not there, so that Userscope does not see what it is for: restore it with what installed it")
			i.awaitPasses(t)
			if _, err := bundle(t.Context(), kind); !apierrors.IsNotFound(err) {
				t.Errorf("it is there: %v", err)
			}
			begin := time.Now()
			applyConfiguration(t, kind)
			await(t, "it has a caBundle", func(ctx context.Context) error {
				trusted, err := bundle(ctx, kind)
				if err == nil && len(trusted) == 0 {
					err = errors.New("it has none")
				}
				return err
			})
			if took := time.Since(begin); took > shortPropagation {
				t.Errorf("it had no caBundle for %s", took)
			}
			awaitRest(t, []*issuer{i}, r)
		})
	}
}

// Two issuers at once come to the same, and then leave it alone.
func TestTwoIssuers(t *testing.T) {
	install(t)
	both := make([]*issuer, 2)
	for n := range both {
		both[n] = startIssuer(t, kubeconfig(), lifetimes(time.Hour, 30*time.Minute, shortPropagation)...)
	}
	r := startReplica(t, shortDelay)
	awaitRest(t, both, r)
	r.watchReadiness(t)
	startProbes(t, shortPropagation, r)
	for _, damage := range []func(map[string][]byte){
		func(data map[string][]byte) { clear(data) },
		func(data map[string][]byte) { delete(data, "ca.key") },
		func(data map[string][]byte) { delete(data, "tls.crt") },
	} {
		editSecret(t, func(secret *corev1.Secret) { damage(secret.Data) })
		awaitRest(t, both, r)
		before, err := readSecret(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range both {
			i.awaitPasses(t)
		}
		if after, err := readSecret(t.Context()); err != nil || after.ResourceVersion != before.ResourceVersion {
			t.Errorf("at rest, the Secret is written on: %v", err)
		}
	}
}

// What the issuer owns of a configuration is its caBundle, so whoever applies a manifest without one leaves it
// there.
func TestOwnership(t *testing.T) {
	_, i, r := installed(t)
	const want = `{"f:webhooks":{"k:{\"name\":\"pods.userscope.dev\"}":{".":{},"f:clientConfig":{"f:caBundle":{}},"f:name":{}}}}`
	for _, kind := range []string{mutating, validating} {
		before, _, err := configuration(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		var owned []string
		for _, entry := range before.ManagedFields {
			if entry.Manager == "userscope-issuer" {
				owned = append(owned, fmt.Sprintf("%s %s", entry.Operation, entry.FieldsV1))
			}
		}
		if len(owned) != 1 || owned[0] != "Apply "+want {
			t.Errorf("of the %s the issuer owns %q, want only %s", kind, owned, want)
		}
		applyConfiguration(t, kind)
	}
	if err := atRest(t.Context(), r); err != nil {
		t.Errorf("once the manifests are applied again: %v", err)
	}
	awaitRest(t, []*issuer{i}, r)
}
