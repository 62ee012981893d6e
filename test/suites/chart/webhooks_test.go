package chart

import (
	"reflect"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

// What is installed is what the other tests are made with, but for where the webhook is and that it
// is called by conditions.
func TestWebhooks(t *testing.T) {
	service := func(path string) admissionregistrationv1.WebhookClientConfig {
		return admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{
			Namespace: namespace, Name: "userscope", Path: ptr.To(path), Port: ptr.To[int32](10250),
		}}
	}
	var webhook webhookprocess.Webhook
	wantMutating, wantValidating := webhook.Configuration(controlplane.Namespace), webhook.ValidatingConfiguration(controlplane.Namespace)
	wantMutating.Webhooks[0].ClientConfig = service("/mutate")
	wantValidating.Webhooks[0].ClientConfig = service("/validate")
	wantValidating.Webhooks[0].Rules[1].Resources = []string{"pods/*"} // the first condition lets the known ones through

	mutating, validating := &admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}
	for _, object := range parse(t, render(t, "")) {
		var into any
		switch object.GetKind() {
		case "MutatingWebhookConfiguration":
			into = mutating
		case "ValidatingWebhookConfiguration":
			into = validating
		default:
			continue
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, into, true); err != nil {
			t.Fatal(err)
		}
	}
	if len(mutating.Webhooks) != 1 || len(validating.Webhooks) != 1 {
		t.Fatalf("rendered are %d and %d webhooks", len(mutating.Webhooks), len(validating.Webhooks))
	}
	for _, got := range []struct {
		metav1.ObjectMeta
		conditions *[]admissionregistrationv1.MatchCondition
	}{
		{mutating.ObjectMeta, &mutating.Webhooks[0].MatchConditions},
		{validating.ObjectMeta, &validating.Webhooks[0].MatchConditions},
	} {
		// The last of all names, so that the mutating one is called after all others.
		if got.Name != "zz-userscope" {
			t.Errorf("a configuration is named %q", got.Name)
		}
		if len(*got.conditions) == 0 {
			t.Errorf("%s: is called without condition", got.Name)
		}
		*got.conditions = nil
	}
	if !reflect.DeepEqual(mutating.Webhooks, wantMutating.Webhooks) {
		t.Errorf("got\n%+v\nwant\n%+v", mutating.Webhooks, wantMutating.Webhooks)
	}
	if !reflect.DeepEqual(validating.Webhooks, wantValidating.Webhooks) {
		t.Errorf("got\n%+v\nwant\n%+v", validating.Webhooks, wantValidating.Webhooks)
	}
}
