package admission

import (
	"encoding/json"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	kjson "sigs.k8s.io/json"
)

// NewWebhook returns the HTTP side of a handler: an AdmissionReview of admission.k8s.io/v1 in,
// one out. A panic of the handler is a refusal with code 500. What exceeds the limits, of which Validate must
// find nothing to say, is refused with 413, 429 or 408.
func NewWebhook(handler *Handler, limits Limits) http.Handler {
	return &webhook{
		metrics:  handler.metrics,
		reviewer: &ctrladmission.Webhook{Handler: handler, LogConstructor: requestLogger},
		intake:   newIntake(limits, handler.policies),
	}
}

// webhook reads reviews itself, since controller-runtime reads YAML too, takes the last of a
// repeated field, and answers whatever has a member named request.
type webhook struct {
	metrics  *metrics
	reviewer *ctrladmission.Webhook
	intake   *intake
}

// reviewType is the only kind of body that is answered in earnest.
var reviewType = metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"}

func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, limited := h.intake.take(w, r)
	defer body.close()
	var response ctrladmission.Response
	if limited == nil {
		response = h.answer(r, body)
	} else {
		h.metrics.limited.WithLabelValues(limited.limit).Inc()
		h.intake.tell(limited)
		response = limited.response()
		response.UID = limited.uid
	}
	w.Header().Set("Content-Type", "application/json")
	// An error here is a connection that is gone: nobody is left to be told.
	_ = json.NewEncoder(w).Encode(admissionv1.AdmissionReview{TypeMeta: reviewType, Response: &response.AdmissionResponse})
}

// answer judges what was read. Whoever reads the answer slowly keeps nobody from being judged, since it is
// written afterwards.
func (h *webhook) answer(r *http.Request, body *body) ctrladmission.Response {
	defer body.close()
	started := time.Now()
	var request ctrladmission.Request
	review, refused := read(r.Header.Get("Content-Type"), body.take())
	if review.Request != nil {
		request.AdmissionRequest = *review.Request
		request.UID = types.UID(cut(string(request.UID)))
	}
	if refused == nil {
		return h.reviewer.Handle(r.Context(), request)
	}
	h.metrics.observe(unjudged, nil, time.Since(started))
	log.FromContext(r.Context()).WithName("admission").Info("refused unjudged", "uid", request.UID, "reason", refused.Error())
	response := refused.response()
	response.UID = request.UID
	return response
}

// read decodes a review, as much of it as there is, and says what keeps it from being judged.
func read(contentType string, body []byte) (review admissionv1.AdmissionReview, refused *unjudgedError) {
	if len(body) == 0 {
		return review, malformed("the body is empty: an AdmissionReview is expected")
	}
	repeated, err := kjson.UnmarshalStrict(body, &review, kjson.DisallowDuplicateFields)
	switch {
	case err != nil:
		return review, malformed("the body is not an AdmissionReview in JSON: %v", err)
	case contentType != "application/json":
		return review, malformed("Content-Type %q: application/json is expected", contentType)
	case len(repeated) > 0:
		return review, malformed("the body is not an AdmissionReview in JSON: %v", repeated[0])
	case review.TypeMeta != reviewType:
		return review, malformed("apiVersion %q, kind %q: an AdmissionReview of %s is expected", review.APIVersion, review.Kind, reviewType.APIVersion)
	}
	return review, nil
}
