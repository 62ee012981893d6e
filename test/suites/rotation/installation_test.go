package rotation

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

// The two kinds of configuration.
const (
	mutating   = "MutatingWebhookConfiguration"
	validating = "ValidatingWebhookConfiguration"
)

// install creates what a manifest installs: the configurations without caBundle and the Secrets without
// data. All of it goes when the test ends.
func install(t *testing.T) {
	t.Helper()
	for _, name := range []string{servingName, authoritiesName} {
		createSecret(t, name)
		t.Cleanup(func() {
			if err := deleteSecret(context.WithoutCancel(t.Context()), name); err != nil && !apierrors.IsNotFound(err) {
				t.Error(err)
			}
		})
	}
	for _, kind := range []string{mutating, validating} {
		applyConfiguration(t, kind)
		t.Cleanup(func() {
			if err := deleteConfiguration(context.WithoutCancel(t.Context()), kind); err != nil && !apierrors.IsNotFound(err) {
				t.Error(err)
			}
		})
	}
}

func createSecret(t *testing.T, name string) {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := admin.CoreV1().Secrets(namespace).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// applyConfiguration applies a manifest of one of the two, which has no caBundle.
func applyConfiguration(t *testing.T, kind string) {
	t.Helper()
	client := func(path string) admissionregistrationv1.WebhookClientConfig {
		return admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{
			Namespace: namespace, Name: webhookprocess.ServiceName, Path: ptr.To(path), Port: endpoints.port(),
		}}
	}
	options := metav1.PatchOptions{FieldManager: "installer"}
	meta := metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: kind}
	var webhook webhookprocess.Webhook
	var err error
	if kind == mutating {
		configuration := webhook.Configuration(controlplane.Namespace)
		configuration.TypeMeta, configuration.Name = meta, configurationName
		configuration.Webhooks[0].ClientConfig = client("/mutate")
		configuration.Webhooks[0].TimeoutSeconds = ptr.To[int32](30) // tests keep a machine busy
		_, err = admin.AdmissionregistrationV1().MutatingWebhookConfigurations().
			Patch(t.Context(), configurationName, types.ApplyPatchType, manifest(t, configuration), options)
	} else {
		configuration := webhook.ValidatingConfiguration(controlplane.Namespace)
		configuration.TypeMeta, configuration.Name = meta, configurationName
		configuration.Webhooks[0].ClientConfig = client("/validate")
		configuration.Webhooks[0].TimeoutSeconds = ptr.To[int32](30)
		_, err = admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().
			Patch(t.Context(), configurationName, types.ApplyPatchType, manifest(t, configuration), options)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func manifest(t *testing.T, object any) []byte {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func deleteConfiguration(ctx context.Context, kind string) error {
	if kind == mutating {
		return admin.AdmissionregistrationV1().MutatingWebhookConfigurations().Delete(ctx, configurationName, metav1.DeleteOptions{})
	}
	return admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(ctx, configurationName, metav1.DeleteOptions{})
}

// bundle reads the caBundle of one of the configurations.
func bundle(ctx context.Context, kind string) ([]byte, error) {
	meta, client, err := configuration(ctx, kind)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if client == nil {
		return nil, fmt.Errorf("%s %s: has no webhook", kind, meta.Name)
	}
	return client.CABundle, nil
}

// configuration reads what matters here of one of the configurations.
func configuration(ctx context.Context, kind string) (*metav1.ObjectMeta, *admissionregistrationv1.WebhookClientConfig, error) {
	if kind == mutating {
		read, err := admin.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, configurationName, metav1.GetOptions{})
		if err != nil || len(read.Webhooks) == 0 {
			return nil, nil, err
		}
		return &read.ObjectMeta, &read.Webhooks[0].ClientConfig, nil
	}
	read, err := admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, configurationName, metav1.GetOptions{})
	if err != nil || len(read.Webhooks) == 0 {
		return nil, nil, err
	}
	return &read.ObjectMeta, &read.Webhooks[0].ClientConfig, nil
}

// setBundle makes a caBundle what a person, or a naive program, makes of it.
func setBundle(t *testing.T, kind string, bundle []byte) {
	t.Helper()
	patch := manifest(t, []map[string]any{{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}})
	var err error
	if kind == mutating {
		_, err = admin.AdmissionregistrationV1().MutatingWebhookConfigurations().
			Patch(t.Context(), configurationName, types.JSONPatchType, patch, metav1.PatchOptions{})
	} else {
		_, err = admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().
			Patch(t.Context(), configurationName, types.JSONPatchType, patch, metav1.PatchOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func readSecret(ctx context.Context, name string) (*corev1.Secret, error) {
	return admin.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
}

// secretData reads the data of both Secrets.
func secretData(ctx context.Context) (serving, authorities map[string][]byte, err error) {
	first, err := readSecret(ctx, servingName)
	if err != nil {
		return nil, nil, err
	}
	second, err := readSecret(ctx, authoritiesName)
	if err != nil {
		return nil, nil, err
	}
	return first.Data, second.Data, nil
}

func deleteSecret(ctx context.Context, name string) error {
	return admin.CoreV1().Secrets(namespace).Delete(ctx, name, metav1.DeleteOptions{})
}

// editSecret makes a Secret what a person makes of it.
func editSecret(t *testing.T, name string, edit func(*corev1.Secret)) {
	t.Helper()
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		secret, err := readSecret(t.Context(), name)
		if err != nil {
			return err
		}
		edit(secret)
		_, err = admin.CoreV1().Secrets(namespace).Update(t.Context(), secret, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// atRest reports what keeps all from being as it should be: the Secrets are whole, the CA is all that the
// caBundles hold, its key is where no Pod mounts it, and the replicas serve its certificate.
func atRest(ctx context.Context, replicas ...*replica) error {
	serving, authorities, err := secretData(ctx)
	if err != nil {
		return err
	}
	if _, err := tls.X509KeyPair(serving["tls.crt"], serving["tls.key"]); err != nil {
		return fmt.Errorf("the Secret's tls.crt and tls.key: %w", err)
	}
	if _, err := tls.X509KeyPair(authorities["ca.crt"], authorities["ca.key"]); err != nil {
		return fmt.Errorf("the CA's Secret's ca.crt and ca.key: %w", err)
	}
	if !bytes.Equal(serving["ca.crt"], authorities["ca.crt"]) {
		return errors.New("the serving certificate is not of the CA that signs")
	}
	for _, key := range []string{"ca.key", "next-ca.crt", "next-ca.key"} {
		if _, ok := serving[key]; ok {
			return fmt.Errorf("Pods mount the Secret with %s", key)
		}
	}
	if _, ok := authorities["next-ca.crt"]; ok {
		return errors.New("the Secret has a next CA")
	}
	for _, kind := range []string{mutating, validating} {
		trusted, err := bundle(ctx, kind)
		if err != nil {
			return err
		}
		if !bytes.Equal(trusted, serving["ca.crt"]) {
			return fmt.Errorf("the caBundle of the %s is not the Secret's ca.crt", kind)
		}
	}
	return served(ctx, replicas...)
}

// served reports which replica does not serve the Secret's certificate, or not so that it chains to the
// Secret's CA.
func served(ctx context.Context, replicas ...*replica) error {
	secret, err := readSecret(ctx, servingName)
	if err != nil {
		return err
	}
	want, err := certificates(secret.Data["tls.crt"])
	if err != nil {
		return err
	}
	for _, r := range replicas {
		chain, err := handshake(ctx, r.address(), secret.Data["ca.crt"])
		if err != nil {
			return err
		}
		if !chain[0].Equal(want[0]) {
			return errors.New("a replica serves another certificate than the Secret's")
		}
	}
	return nil
}

// awaitRest waits until all is as it should be, and the issuers say so.
func awaitRest(t *testing.T, issuers []*issuer, replicas ...*replica) {
	t.Helper()
	await(t, "all is as it should be", func(ctx context.Context) error {
		if err := atRest(ctx, replicas...); err != nil {
			return err
		}
		for _, i := range issuers {
			if err := i.ready(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// lifetimes are an issuer's settings, as arguments.
func lifetimes(ca, leaf, propagation time.Duration) []string {
	return []string{"--ca-lifetime", ca.String(), "--leaf-lifetime", leaf.String(), "--propagation", propagation.String()}
}
