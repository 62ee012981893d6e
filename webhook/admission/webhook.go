package admission

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// NewWebhook returns the HTTP side of a handler: an AdmissionReview of admission.k8s.io/v1 in,
// one out. A panic of the handler is a refusal with code 500.
func NewWebhook(handler ctrladmission.Handler) http.Handler {
	return &reviewsOnly{next: &ctrladmission.Webhook{Handler: handler, LogConstructor: requestLogger}}
}

// maxBody is one byte more than controller-runtime accepts: enough for it to see that there is
// too much, and no more memory than that.
const maxBody = 7<<20 + 1

// reviewsOnly refuses what is not JSON or not a review: controller-runtime reads YAML too, and
// answers whatever has a member named request.
type reviewsOnly struct {
	next http.Handler
}

// reviewType is the only kind of body that is answered in earnest.
var reviewType = metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"}

// reviewHeader is as much of a review as it takes to turn it down.
type reviewHeader struct {
	metav1.TypeMeta
	Request struct {
		UID types.UID `json:"uid"`
	} `json:"request"`
}

func (h *reviewsOnly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A connection that breaks leaves JSON that is cut off.
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxBody))
	var review reviewHeader
	err := json.Unmarshal(body, &review)
	var refused *unjudgedError
	switch {
	case len(body) == 0:
		refused = malformed("the body is empty: an AdmissionReview is expected")
	case len(body) == maxBody:
		// The next handler has the words for it.
	case err != nil:
		refused = malformed("the body is not an AdmissionReview in JSON: %v", err)
	case review.TypeMeta != reviewType:
		refused = malformed("apiVersion %q, kind %q: an AdmissionReview of %s is expected", review.APIVersion, review.Kind, reviewType.APIVersion)
	}
	if refused == nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		h.next.ServeHTTP(w, r)
		return
	}
	log.FromContext(r.Context()).WithName("admission").Info("refused unjudged", "uid", review.Request.UID, "reason", refused.Error())
	response := refused.response()
	response.UID = review.Request.UID
	writeReview(w, response)
}

// writeReview answers with a response.
func writeReview(w http.ResponseWriter, response ctrladmission.Response) {
	w.Header().Set("Content-Type", "application/json")
	// An error here is a connection that is gone: nobody is left to be told.
	_ = json.NewEncoder(w).Encode(admissionv1.AdmissionReview{TypeMeta: reviewType, Response: &response.AdmissionResponse})
}
