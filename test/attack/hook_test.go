package attack

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// hook is a mutating webhook in this process. It allows everything.
type hook struct {
	// name is its configuration's: the API server calls webhooks in the order of these.
	name         string
	reinvocation admissionregistrationv1.ReinvocationPolicyType
	// labels are those of the Pods that it is called for.
	labels map[string]string
	// patch returns the JSON patch that it answers with, or nothing.
	patch func(*admissionv1.AdmissionRequest) []byte
}

// install starts the webhook and has it called for new Pods of both sites.
func (h *hook) install(ctx context.Context, client kubernetes.Interface) (*httptest.Server, error) {
	server := httptest.NewTLSServer(h)
	_, err := client.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(ctx, &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: h.name},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:                    h.name + ".example.com",
			AdmissionReviewVersions: []string{"v1"},
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL:      &server.URL,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
			NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
				Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: []string{guarded.namespace, unguarded.namespace},
			}}},
			ObjectSelector:     &metav1.LabelSelector{MatchLabels: h.labels},
			FailurePolicy:      ptr.To(admissionregistrationv1.Fail),
			ReinvocationPolicy: &h.reinvocation,
			SideEffects:        ptr.To(admissionregistrationv1.SideEffectClassNone),
		}},
	}, metav1.CreateOptions{})
	return server, err
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, "not an AdmissionReview", http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	if patch := h.patch(review.Request); patch != nil {
		review.Response.Patch, review.Response.PatchType = patch, ptr.To(admissionv1.PatchTypeJSONPatch)
	}
	review.Request = nil
	_ = json.NewEncoder(w).Encode(review) // whoever asked may be gone
}
