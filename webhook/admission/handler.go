package admission

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/scope"
)

// Handler answers the admission requests of an API server.
type Handler struct {
	policies func() policy.Policies
	metrics  *metrics
}

// New returns a Handler that asks policies, at each request, for the policies then in force,
// and registers its metrics.
func New(policies func() policy.Policies, registerer prometheus.Registerer) (*Handler, error) {
	metrics, err := newMetrics(registerer)
	if err != nil {
		return nil, err
	}
	return &Handler{policies: policies, metrics: metrics}, nil
}

// operation is what a request wants done to what: the rows of the table in decide.
type operation struct {
	resource    metav1.GroupVersionResource
	subresource string
	verb        admissionv1.Operation
}

func (o operation) String() string {
	text := string(o.verb) + " of " + o.resource.Resource
	if o.subresource != "" {
		text += "/" + o.subresource
	}
	if group := o.resource.Group; group != "" {
		text += " of " + group
	}
	return text
}

var (
	pods    = metav1.GroupVersionResource{Version: "v1", Resource: "pods"}
	podKind = metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}

	createPod              = operation{resource: pods, verb: admissionv1.Create}
	updatePod              = operation{resource: pods, verb: admissionv1.Update}
	deletePod              = operation{resource: pods, verb: admissionv1.Delete}
	addEphemeralContainers = operation{resource: pods, subresource: "ephemeralcontainers", verb: admissionv1.Update}
)

// harmless are the subresources by which neither volumes change nor what containers mount, read or may do. Labels
// and annotations do change by status, for whoever may write it: the threat model counts these. The webhook's
// conditions keep API servers from asking about either.
var harmless = []string{"status", "resize"}

// known returns the operation by which another is judged: an update through a subresource that a later
// version of Kubernetes may have is one of the Pod.
func (o operation) known() operation {
	if o.resource == pods && o.verb == admissionv1.Update && o != addEphemeralContainers && !slices.Contains(harmless, o.subresource) {
		return updatePod
	}
	return o
}

// debug is the level of log/slog of that name as logr counts levels.
const debug = -int(slog.LevelDebug)

// Handle answers one request.
func (h *Handler) Handle(ctx context.Context, req ctrladmission.Request) ctrladmission.Response {
	started := time.Now()
	pod, decision, err := h.decide(req)
	key, name := nameOf(req, pod)
	logger := log.FromContext(ctx)
	if err != nil {
		h.metrics.observe(unjudged, nil, time.Since(started))
		logger.WithValues(key, name).Info("refused unjudged", "reason", err.Error())
		return err.response()
	}

	rules := rulesOf(decision.Violations)
	h.metrics.observe(string(decision.Verdict), rules, time.Since(started))
	if decision.Verdict == scope.Refused {
		logger.WithValues(key, name).Info("refused", "rules", rules, "violations", logged(decision))
	} else if admitted := logger.V(debug); admitted.Enabled() {
		admitted.WithValues(key, name).Info("admitted", "verdict", decision.Verdict)
	}
	return respond(name, decision, rules)
}

// decide finds the decision that a request asks for, and the Pod that it is about, which is nil
// where none was decoded.
func (h *Handler) decide(req ctrladmission.Request) (*corev1.Pod, scope.Decision, *unjudgedError) {
	if req.UID == "" {
		return nil, scope.Decision{}, malformed("request: is missing or has no uid")
	}
	op := operation{req.Resource, req.SubResource, req.Operation}.known()
	switch op {
	case createPod, updatePod, deletePod, addEphemeralContainers:
	default:
		return nil, scope.Decision{}, unsupported(
			"refused: %s is none of what Userscope judges (%s, %s, %s, %s): correct the rules of the webhook configuration",
			op, createPod, updatePod, deletePod, addEphemeralContainers)
	}
	if req.Kind != podKind {
		return nil, scope.Decision{}, malformed("request.kind: %q: a v1 Pod is expected", kindText(req.Kind))
	}
	// Without these two the Pod would be in no policy's namespace, or nobody's.
	if req.Namespace == "" {
		return nil, scope.Decision{}, malformed("request.namespace: is empty: a Pod has a namespace")
	}
	if req.UserInfo.Username == "" {
		return nil, scope.Decision{}, malformed("request.userInfo.username: is empty: whoever asks has a name, if only system:anonymous")
	}

	asked := scope.Request{
		Namespace: req.Namespace,
		Creator:   scope.Creator{Username: req.UserInfo.Username, Groups: req.UserInfo.Groups},
	}
	var old *corev1.Pod
	var err *unjudgedError
	if op != deletePod {
		if asked.Pod, asked.Unknown, err = decode("request.object", req.Object.Raw); err != nil {
			return nil, scope.Decision{}, err
		}
	}
	if op != createPod {
		if old, asked.StoredUnknown, err = decode("request.oldObject", req.OldObject.Raw); err != nil {
			return nil, scope.Decision{}, err
		}
	}

	policies := h.policies()
	switch op {
	case createPod:
		return asked.Pod, scope.Create(policies, asked), nil
	case updatePod:
		return asked.Pod, scope.Update(policies, asked, old), nil
	case addEphemeralContainers:
		return asked.Pod, scope.AddEphemeralContainers(policies, asked, old), nil
	default:
		return old, scope.Delete(policies, asked, old), nil
	}
}

// decode reads the Pod in a field of the request.
func decode(field string, raw []byte) (*corev1.Pod, []podjson.UnknownField, *unjudgedError) {
	if len(raw) == 0 {
		return nil, nil, malformed("%s: is empty: a v1 Pod is expected", field)
	}
	pod, unknown, err := DecodePod(raw)
	if err != nil {
		return nil, nil, malformed("%s: %v", field, err)
	}
	return pod, unknown, nil
}

// kindText writes a kind as apiVersion and kind stand in a manifest.
func kindText(kind metav1.GroupVersionKind) string {
	return metav1.GroupVersion{Group: kind.Group, Version: kind.Version}.String() + " " + kind.Kind
}

// nameOf returns the object's name for logs and answers, and its key: a Pod may still be without a name when it is
// judged.
func nameOf(req ctrladmission.Request, pod *corev1.Pod) (key, name string) {
	if req.Name == "" && pod != nil && pod.GenerateName != "" {
		return "generateName", cut(pod.GenerateName)
	}
	return "name", cut(req.Name)
}
