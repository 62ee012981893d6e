// Package otherwebhook is another webhook of a cluster, in the test's own process. It sees what an API server
// sends, and may do to Pods what others do.
package otherwebhook

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

// Hook is a mutating webhook that is called for new Pods and allows everything.
type Hook struct {
	// Name is its configuration's: the API server calls webhooks in the order of these.
	Name string
	// Reinvocation says whether it is called again for what others change after it.
	Reinvocation admissionregistrationv1.ReinvocationPolicyType
	// Namespaces and Labels are those of the Pods that it is called for.
	Namespaces []string
	Labels     map[string]string
	// Patch returns the JSON patch that it answers with, or nothing.
	Patch Patch
}

// Patch answers a request with a JSON patch, or with nothing.
type Patch func(*admissionv1.AdmissionRequest) []byte

// Install starts the webhook and has it called.
func (h *Hook) Install(ctx context.Context, client kubernetes.Interface) (*httptest.Server, error) {
	server := h.Patch.Serve()
	_, err := client.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(ctx, &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: h.Name},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:                    h.Name + ".example.com",
			AdmissionReviewVersions: []string{"v1"},
			ClientConfig:            ClientConfig(server),
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
			NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
				Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: h.Namespaces,
			}}},
			ObjectSelector:     &metav1.LabelSelector{MatchLabels: h.Labels},
			FailurePolicy:      ptr.To(admissionregistrationv1.Fail),
			ReinvocationPolicy: &h.Reinvocation,
			SideEffects:        ptr.To(admissionregistrationv1.SideEffectClassNone),
		}},
	}, metav1.CreateOptions{})
	return server, err
}

// Serve starts a server that answers every AdmissionReview so.
func (p Patch) Serve() *httptest.Server { return httptest.NewTLSServer(p) }

// ClientConfig is how an API server reaches the server.
func ClientConfig(server *httptest.Server) admissionregistrationv1.WebhookClientConfig {
	return admissionregistrationv1.WebhookClientConfig{
		URL:      &server.URL,
		CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	}
}

// ServeHTTP implements [http.Handler].
func (p Patch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, "not an AdmissionReview", http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	if patch := p(review.Request); patch != nil {
		review.Response.Patch, review.Response.PatchType = patch, ptr.To(admissionv1.PatchTypeJSONPatch)
	}
	review.Request = nil
	_ = json.NewEncoder(w).Encode(review) // whoever asked may be gone
}
