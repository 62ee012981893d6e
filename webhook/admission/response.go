package admission

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/scope"
)

// The audit annotations. The API server puts the webhook's name before each.
const (
	auditDecision = "decision"
	auditIdentity = "identity"
	auditRules    = "rules"
)

// unjudged is the verdict, in metrics and audit annotations, on a request that scope never
// saw.
const unjudged = "unjudged"

// unjudgedError is why a request is refused without a decision.
type unjudgedError struct {
	code    int32
	reason  metav1.StatusReason
	message string
}

func (e *unjudgedError) Error() string { return e.message }

// newUnjudged returns an error whose message is cut, since the message may quote a text of the request.
func newUnjudged(code int32, reason metav1.StatusReason, format string, args ...any) *unjudgedError {
	return &unjudgedError{code, reason, cut(fmt.Sprintf(format, args...))}
}

// malformed means that the request cannot be read.
func malformed(format string, args ...any) *unjudgedError {
	return newUnjudged(http.StatusBadRequest, metav1.StatusReasonBadRequest, format, args...)
}

// tooLarge means that the request is longer than is read.
func tooLarge(format string, args ...any) *unjudgedError {
	return newUnjudged(http.StatusRequestEntityTooLarge, metav1.StatusReasonRequestEntityTooLarge, format, args...)
}

// tooMany means that the request may be sent again later.
func tooMany(format string, args ...any) *unjudgedError {
	return newUnjudged(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, format, args...)
}

// tooSlow means that the request did not come in time.
func tooSlow(format string, args ...any) *unjudgedError {
	return newUnjudged(http.StatusRequestTimeout, metav1.StatusReasonTimeout, format, args...)
}

// unsupported means that the request is none of those that Userscope judges. To let it pass
// would wave through what nobody has thought about.
func unsupported(format string, args ...any) *unjudgedError {
	return newUnjudged(http.StatusForbidden, metav1.StatusReasonForbidden, format, args...)
}

func (e *unjudgedError) response() ctrladmission.Response {
	return ctrladmission.Response{AdmissionResponse: admissionv1.AdmissionResponse{
		Result: &metav1.Status{
			Status:  metav1.StatusFailure,
			Code:    e.code,
			Reason:  e.reason,
			Message: "userscope: " + e.message,
		},
		AuditAnnotations: map[string]string{auditDecision: unjudged},
	}}
}

// respond renders a decision on the object of the given name.
func respond(name string, decision scope.Decision, rules []string) ctrladmission.Response {
	response := ctrladmission.Allowed("")
	response.AuditAnnotations = map[string]string{auditDecision: string(decision.Verdict)}
	if decision.Identity != (policy.Identity{}) {
		response.AuditAnnotations[auditIdentity] = DescribeIdentity(decision.Identity)
	}
	if decision.Verdict == scope.Refused {
		response.Allowed = false
		response.Result = refusal(name, decision)
		response.AuditAnnotations[auditRules] = strings.Join(rules, ",")
		return response
	}
	if len(decision.Edits) > 0 {
		response.Patch, response.PatchType = patch(decision.Edits), &jsonPatch
	}
	response.Warnings = warnings(decision.Edits)
	return response
}

// maxWarnings is how many rewrites a response tells of. An API server hands on 4,096 characters for all webhooks of a
// request; of more it cuts each to 256 and drops those after the 16th (WithWarningRecorder of
// k8s.io/apiserver/pkg/endpoints/filters). Warnings of at most 256 characters leave room for those of others.
const maxWarnings = 12

// warnings are those of the edits that have one.
func warnings(edits []scope.Edit) []string {
	var all []string
	for _, edit := range edits {
		if edit.Warning != "" {
			all = append(all, edit.Warning)
		}
	}
	if more := len(all) - maxWarnings; more > 0 {
		all = append(all[:maxWarnings], fmt.Sprintf("and %d more rewrites", more))
	}
	return all
}

// refusal is the Status of a refused Pod. The message serves those who see an error's text, as
// in the events of a ReplicaSet; the causes serve programs, and kubectl, which shows nothing
// else of a 422.
func refusal(name string, decision scope.Decision) *metav1.Status {
	status := &metav1.Status{
		Status:  metav1.StatusFailure,
		Code:    http.StatusUnprocessableEntity,
		Reason:  metav1.StatusReasonInvalid,
		Message: Message(decision),
		Details: &metav1.StatusDetails{Name: name, Kind: podKind.Kind},
	}
	for _, violation := range decision.Violations {
		if !violation.Rule.Identity() {
			status.Code, status.Reason = http.StatusForbidden, metav1.StatusReasonForbidden
		}
		status.Details.Causes = append(status.Details.Causes, metav1.StatusCause{
			Type:    metav1.CauseType(violation.Rule),
			Field:   violation.Path,
			Message: "userscope: " + string(violation.Rule) + ": " + finding(violation),
		})
	}
	return status
}

// jsonPatch is the type of every patch.
var jsonPatch = admissionv1.PatchTypeJSONPatch

// patch is Patch as JSON. It is written here and not from Patch, whose operations each take an encoder of
// their own.
func patch(edits []scope.Edit) []byte {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value,omitempty"` // omitted where it is nil, and only there
	}
	operations := make([]operation, len(edits))
	for i, edit := range edits {
		operations[i] = operation{edit.Op, edit.Path, edit.Value}
	}
	text, err := json.Marshal(operations)
	if err != nil {
		panic(err) // all values are strings, booleans, or maps of such
	}
	return text
}

// Patch renders edits as a JSON patch of the object that they were made for, one operation to
// an edit. Whatever else is in the object stays as it was sent, known to this build or not.
func Patch(edits []scope.Edit) []jsonpatch.Operation {
	operations := make([]jsonpatch.Operation, len(edits))
	for i, edit := range edits {
		operations[i] = jsonpatch.NewOperation(edit.Op, edit.Path, edit.Value)
	}
	return operations
}
