package rotation

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// Whoever has changed the configurations or a Secret so that Pods may pass unjudged, or that the certificates end, is
// found out by asking how the certificates are.
func TestStatusSeesTampering(t *testing.T) {
	install(t)
	i := startIssuer(t, kubeconfig(), lifetimes(100*24*time.Hour, 30*24*time.Hour, shortPropagation)...)
	awaitRest(t, []*issuer{i})
	if err := i.Stop(patience); err != nil {
		t.Fatal(err)
	}
	trusted, err := bundle(t.Context(), mutating)
	if err != nil {
		t.Fatal(err)
	}
	setBundle(t, mutating, append(trusted, foreign(t, host)["ca.crt"]...))
	_, err = admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(t.Context(), configurationName, types.JSONPatchType,
		manifest(t, []map[string]any{
			{"op": "add", "path": "/webhooks/0/failurePolicy", "value": "Ignore"},
			{"op": "add", "path": "/webhooks/0/clientConfig/service/name", "value": "another"},
		}), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	editSecret(t, servingName, func(secret *corev1.Secret) { secret.Immutable = ptr.To(true) })

	const foreignCA = "foreign: no Secret holds it; an issuer removes it in minutes: if it stays or comes back, find out who adds it\n"
	wantStatus(t, 1, `
WHERE  CERTIFICATE  SIGNED BY  EXPIRES  STATE
CA's Secret ca.crt  FP1  -  TIME (in 99 days)  ok
Secret ca.crt  FP1  -  TIME (in 99 days)  ok
Secret tls.crt  FP2  FP1  TIME (in 29 days)  ok
MutatingWebhookConfiguration zz-userscope, pods.userscope.dev  FP1  -  TIME (in 99 days)  ok
MutatingWebhookConfiguration zz-userscope, pods.userscope.dev  FP3  -  TIME (in 23 hours)  `+foreignCA+`ValidatingWebhookConfiguration zz-userscope, pods.userscope.dev  FP1  -  TIME (in 99 days)  ok

Not well:
  - Secret userscope-system/userscope-tls: is immutable, so that no certificate can be renewed: delete it, and create it without immutable: true
  - MutatingWebhookConfiguration zz-userscope, pods.userscope.dev: `+foreignCA+
		`  - ValidatingWebhookConfiguration zz-userscope, pods.userscope.dev: calls another.userscope-system.svc instead of userscope.userscope-system.svc: whoever answers there decides about Pods
  - ValidatingWebhookConfiguration zz-userscope, pods.userscope.dev: failurePolicy: Ignore lets Pods pass unjudged while Userscope does not answer: set Fail
`, "")
}
