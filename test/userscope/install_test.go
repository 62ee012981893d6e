package userscope

import (
	"bytes"
	"os"
	"reflect"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/test/repo"
)

// What a reader installs is what the tests are made with, but for where the webhook is.
func TestDocumentedConfigurations(t *testing.T) {
	page, err := repo.Path("docs", "install.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte("```yaml\n"))
	text, _, found := bytes.Cut(text, []byte("```\n"))
	mutating, validating, both := bytes.Cut(text, []byte("---\n"))
	if !found || !both {
		t.Fatalf("%s: has no two documents of YAML", page)
	}

	var webhook Webhook
	service := func(path string) admissionregistrationv1.WebhookClientConfig {
		return admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{
			Namespace: "userscope-system", Name: "userscope", Path: ptr.To(path),
		}}
	}
	wantMutating := webhook.Configuration("deer-flow")
	wantMutating.TypeMeta = metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "MutatingWebhookConfiguration"}
	wantMutating.Webhooks[0].ClientConfig = service("/mutate")
	wantValidating := webhook.ValidatingConfiguration("deer-flow")
	wantValidating.TypeMeta = metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingWebhookConfiguration"}
	wantValidating.Webhooks[0].ClientConfig = service("/validate")

	gotMutating, gotValidating := &admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := yaml.UnmarshalStrict(mutating, gotMutating); err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(validating, gotValidating); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(gotMutating, wantMutating) {
		t.Errorf("got\n%+v\nwant\n%+v", gotMutating, wantMutating)
	}
	if !reflect.DeepEqual(gotValidating, wantValidating) {
		t.Errorf("got\n%+v\nwant\n%+v", gotValidating, wantValidating)
	}
}
