package backstop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"pgregory.net/rapid"

	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/test/pods/random"
)

// object is a JSON object as the oracle takes it.
type object = map[string]any

// call is one request about a Pod as a webhook sees it.
type call struct {
	operation   admissionv1.Operation
	namespace   string
	name        string
	subresource string
}

// notes are the calls of the webhook that allows everything.
type notes struct {
	sync.Mutex
	made map[call]int
}

var calls = notes{made: map[call]int{}}

func (n *notes) note(request *admissionv1.AdmissionRequest) []byte {
	n.Lock()
	defer n.Unlock()
	n.made[call{request.Operation, request.Namespace, request.Name, request.SubResource}]++
	return nil
}

// take reports whether a call was made since it was taken last.
func (n *notes) take(c call) bool {
	n.Lock()
	defer n.Unlock()
	made := n.made[c] > 0
	delete(n.made, c)
	return made
}

var lastPod atomic.Int64

// withName gives the Pod a name that no other has, and takes away what the API server would refuse
// before it asks anybody. Whoever has no name cannot ask.
func withName(s *random.Sample) *random.Sample {
	metadata := s.Pod["metadata"].(object)
	delete(metadata, "generateName")
	delete(metadata, "namespace")
	metadata["name"] = fmt.Sprintf("pod-%d", lastPod.Add(1))
	if spec, ok := s.Pod["spec"].(object); ok && spec["runtimeClassName"] == "" {
		delete(spec, "runtimeClassName")
	}
	if s.Request.Namespace == "" {
		s.Request.Namespace = elsewhere
	}
	if s.Request.Username == "" {
		s.Request.Username = "system:anonymous"
	}
	return s
}

func nameOf(pod object) string { return pod["metadata"].(object)["name"].(string) }

// ask makes a request on behalf of somebody, for a try only, and returns what is answered. The path is
// that of a Pod or a Service in the namespace: pods/NAME/ephemeralcontainers. The body is nil where the
// verb needs none.
func ask(ctx context.Context, who oracle.Request, verb, path string, body []byte) (object, error) {
	return do(ctx, who, verb, path, body, metav1.DryRunAll)
}

// contentTypes are what the bodies of the verbs are.
var contentTypes = map[string]string{
	http.MethodPost: "application/json", http.MethodPut: "application/json", http.MethodDelete: "application/json",
	http.MethodPatch: "application/merge-patch+json",
}

// do makes a request in earnest or, with dryRun, for a try.
func do(ctx context.Context, who oracle.Request, verb, path string, body []byte, dryRun ...string) (object, error) {
	request := admin.CoreV1().RESTClient().Verb(verb).AbsPath("/api/v1/namespaces", who.Namespace, path)
	for _, stage := range dryRun {
		request = request.Param("dryRun", stage)
	}
	if body != nil {
		request = request.SetHeader("Content-Type", contentTypes[verb]).Body(body)
	}
	result := request.
		SetHeader("Impersonate-User", who.Username).
		SetHeader("Impersonate-Group", who.Groups...).
		SetHeader("Accept", "application/json").
		Do(ctx)
	if err := result.Error(); err != nil {
		return nil, err
	}
	answer, err := result.Raw()
	if err != nil {
		return nil, err
	}
	return differential.Object(answer)
}

// create tries the creation of a sample's Pod.
func create(t *rapid.T, s *random.Sample) (object, error) {
	t.Helper()
	return judged(t, s, func() (object, error) { return ask(t.Context(), s.Request, http.MethodPost, "pods", s.Raw()) })
}

// judged makes a request. The API server's own validation may refuse it, and the backstop for a
// reason, but neither an error in CEL nor anything else.
func judged(t *rapid.T, about fmt.Stringer, request func() (object, error)) (object, error) {
	t.Helper()
	answer, err := request()
	switch {
	case err == nil:
	case failsToJudge(err):
		t.Fatalf("an expression cannot be evaluated: %v\n%s", err, about)
	case Refuses(err), isInvalid(err):
	default:
		t.Fatalf("%v\n%s", err, about)
	}
	return answer, err
}

// failsToJudge reports whether an error comes of an expression that cannot be evaluated, or of one
// that costs too much. The last is the message where only that of a refusal cannot be evaluated.
func failsToJudge(err error) bool {
	for _, part := range []string{"resulted in error", "cost budget", "failed to", "breaks a rule, see"} {
		if strings.Contains(err.Error(), part) {
			return true
		}
	}
	return false
}

// isInvalid reports whether the API server's own validation refuses a request, or one of its
// admission plugins that come before webhooks.
func isInvalid(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || isOfPlugin(err)
}

// isOfPlugin reports whether the admission plugin of RuntimeClasses, that of ServiceAccounts, which gives
// mirror Pods none, or that of priorities, which computes them, refuses a request.
func isOfPlugin(err error) bool {
	return err != nil && slices.ContainsFunc([]string{"RuntimeClass", "a mirror pod may not", "PriorityClass", "priority admission controller"},
		func(text string) bool { return strings.Contains(err.Error(), text) })
}

// served is a Pod as the API server reads it: without what its types do not have. There is none
// where it cannot be read.
func served(raw []byte) (object, bool) {
	pod := &corev1.Pod{}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if err := decoder.Decode(pod); err != nil {
		return nil, false
	}
	raw, err := json.Marshal(pod)
	if err != nil {
		return nil, false
	}
	read, err := differential.Object(raw)
	return read, err == nil
}

// awaitCalls waits until the API server calls the webhook for every kind of request.
func awaitCalls(ctx context.Context) error {
	policy := called[0].Oracle[0]
	who := oracle.Request{Namespace: policy.Namespaces[0], Username: policy.Provisioners[0]}
	return wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		pod := []byte(`{"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "main", "image": "none"}]}}`)
		if _, err := ask(ctx, who, http.MethodPost, "pods", pod); err != nil {
			return false, err
		}
		return calls.take(call{admissionv1.Create, who.Namespace, "probe", ""}), nil
	})
}
