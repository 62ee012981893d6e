package rotation

import (
	"bytes"
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/test/kit/webhookprocess"
)

// asEarlier makes the data of both Secrets what an earlier version kept: all in the one that Pods mount.
func asEarlier(serving, authorities map[string][]byte) {
	maps.Copy(serving, authorities)
	clear(authorities)
}

// An earlier version kept the CA in the Secret that Pods mount. The issuer moves it: no Pod is refused meanwhile, the
// CA stays the same, and its key is gone from where nodes may read it.
func TestUpgrade(t *testing.T) {
	install(t)
	settings := lifetimes(time.Hour, 30*time.Minute, propagation)
	before := startIssuer(t, kubeconfig(), settings...)
	r := startReplica(t, late)
	if err := webhookprocess.AwaitInForce(t.Context(), cluster); err != nil {
		t.Fatal(err)
	}
	awaitRest(t, []*issuer{before}, r)
	if err := before.Stop(patience); err != nil {
		t.Fatal(err)
	}
	serving, authorities, err := secretData(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ca, key := authorities["ca.crt"], authorities["ca.key"]
	asEarlier(serving, authorities)
	for name, data := range map[string]map[string][]byte{servingName: serving, authoritiesName: authorities} {
		editSecret(t, name, func(secret *corev1.Secret) { secret.Data = data })
	}
	r.watchReadiness(t)
	startProbes(t, propagation, r)
	traffic := startTraffic(t)

	after := startIssuer(t, kubeconfig(), settings...)
	awaitRest(t, []*issuer{after}, r)
	serving, authorities, err = secretData(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(authorities["ca.crt"], ca) || !bytes.Equal(authorities["ca.key"], key) {
		t.Error("the CA is another one")
	}
	if len(serving) != len(mounted) {
		t.Errorf("the Secret that Pods mount has %d keys, want %q", len(serving), mounted)
	}
	after.awaitPasses(t)
	traffic.stop()
	created, scoped, failed := traffic.result()
	if created == 0 || scoped != created || len(failed) > 0 {
		t.Errorf("%d Pods created, %d scoped, failed:\n%s", created, scoped, strings.Join(failed, "\n"))
	}
	t.Logf("%d Pods created, none refused", created)
}
