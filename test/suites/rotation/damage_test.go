package rotation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// damage takes the signing key and the certificate out of the Secrets, which there is much to do about. It
// returns the serving Secret's resourceVersion.
func damage(t *testing.T) (resourceVersion string) {
	t.Helper()
	editSecret(t, authoritiesName, func(secret *corev1.Secret) { delete(secret.Data, "ca.key") })
	editSecret(t, servingName, func(secret *corev1.Secret) { delete(secret.Data, "tls.crt") })
	secret, err := readSecret(t.Context(), servingName)
	if err != nil {
		t.Fatal(err)
	}
	return secret.ResourceVersion
}

// Whatever the Secrets hold, the issuer makes them whole; what others keep in them stays; and no API server is
// ever shown a certificate that it does not trust.
func TestDamagedSecret(t *testing.T) {
	_, i, r := installed(t)
	probes := startProbes(t, shortPropagation, r)
	now := time.Now()
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, serving, authorities map[string][]byte)
	}{
		{"both are emptied", func(_ *testing.T, serving, authorities map[string][]byte) { clear(serving); clear(authorities) }},
		{"the CA's is emptied", func(_ *testing.T, _, authorities map[string][]byte) { clear(authorities) }},
		{"half-written: no private key", func(_ *testing.T, serving, _ map[string][]byte) { delete(serving, "tls.key") }},
		{"half-written: no CA", func(_ *testing.T, serving, _ map[string][]byte) { delete(serving, "ca.crt") }},
		{"the CA's key is garbage", func(_ *testing.T, _, authorities map[string][]byte) { authorities["ca.key"] = []byte("garbage") }},
		{"all is garbage", func(_ *testing.T, serving, authorities map[string][]byte) {
			for _, data := range []map[string][]byte{serving, authorities} {
				for key := range data {
					data[key] = []byte("garbage")
				}
			}
		}},
		{"a next CA that is garbage", func(_ *testing.T, _, authorities map[string][]byte) { authorities["next-ca.crt"] = []byte("garbage") }},
		{"all as an earlier version kept it", func(_ *testing.T, serving, authorities map[string][]byte) { asEarlier(serving, authorities) }},
		{"an expired certificate", func(t *testing.T, serving, authorities map[string][]byte) {
			sign(t, serving, authorities, now.Add(-2*time.Hour), now.Add(-time.Hour))
		}},
		{"a certificate that is not valid yet", func(t *testing.T, serving, authorities map[string][]byte) {
			sign(t, serving, authorities, now.Add(time.Hour), now.Add(2*time.Hour))
		}},
		{"a certificate with another's key", func(t *testing.T, serving, authorities map[string][]byte) {
			other := maps.Clone(serving)
			sign(t, other, authorities, now, now.Add(time.Hour))
			serving["tls.key"] = other["tls.key"]
		}},
		{"a certificate of another CA", func(t *testing.T, serving, _ map[string][]byte) {
			other := foreign(t, host)
			serving["tls.crt"], serving["tls.key"] = other["tls.crt"], other["tls.key"]
		}},
		{"a certificate of another Service", func(t *testing.T, serving, _ map[string][]byte) {
			maps.Copy(serving, foreign(t, "another.userscope-system.svc"))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			serving, authorities, err := secretData(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			test.damage(t, serving, authorities)
			both := map[string]map[string][]byte{servingName: serving, authoritiesName: authorities}
			for name, data := range both {
				editSecret(t, name, func(secret *corev1.Secret) {
					secret.Data = data
					secret.Labels = map[string]string{"whose": "anothers"}
					data["another"] = []byte("'s")
				})
			}
			awaitRest(t, []*issuer{i}, r)
			for name := range both {
				secret, err := readSecret(t.Context(), name)
				if err != nil {
					t.Fatal(err)
				}
				if string(secret.Data["another"]) != "'s" || secret.Labels["whose"] != "anothers" {
					t.Errorf("what others keep in the Secret %s is gone: %v", name, secret.Labels)
				}
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
	for _, name := range []string{servingName, authoritiesName} {
		t.Run(name, func(t *testing.T) {
			if err := deleteSecret(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			restore := "kubectl create secret generic " + name + " --namespace userscope-system"
			i.awaitReport(t, "the Secret userscope-system/"+name+" is not there: restore it with: "+restore)
			i.awaitPasses(t)
			if _, err := readSecret(t.Context(), name); !apierrors.IsNotFound(err) {
				t.Errorf("the Secret is there: %v", err)
			}
			if out, err := kubectl(strings.Fields(restore)[1:]...); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			awaitRest(t, []*issuer{i}, r)
		})
	}
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
	versions := func() (versions []string) {
		for _, name := range []string{servingName, authoritiesName} {
			secret, err := readSecret(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			versions = append(versions, secret.ResourceVersion)
		}
		return versions
	}
	for _, damage := range []struct {
		name string
		does func(map[string][]byte)
	}{
		{servingName, func(data map[string][]byte) { clear(data) }},
		{authoritiesName, func(data map[string][]byte) { clear(data) }},
		{authoritiesName, func(data map[string][]byte) { delete(data, "ca.key") }},
		{servingName, func(data map[string][]byte) { delete(data, "tls.crt") }},
	} {
		editSecret(t, damage.name, func(secret *corev1.Secret) { damage.does(secret.Data) })
		awaitRest(t, both, r)
		before := versions()
		for _, i := range both {
			i.awaitPasses(t)
		}
		if after := versions(); !slices.Equal(before, after) {
			t.Errorf("at rest, the Secrets are written on: their versions were %q and are %q", before, after)
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
