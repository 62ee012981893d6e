package admission_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"userscope.dev/userscope/webhook/admission"
	"userscope.dev/userscope/webhook/policy"
)

// logs is what the package under test logs, of every level unless logLevel says otherwise.
var (
	logs     logBuffer
	logLevel slog.LevelVar
)

func TestMain(m *testing.M) {
	logLevel.Set(slog.LevelDebug)
	handler := slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: &logLevel})
	ctrllog.SetLogger(logr.FromSlogHandler(handler))
	klog.SetSlogLogger(slog.New(handler))
	os.Exit(m.Run())
}

// logBuffer collects log lines from any goroutine.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// take returns the lines since the last call.
func (b *logBuffer) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.buf.Reset()
	return strings.Split(strings.TrimSuffix(b.buf.String(), "\n"), "\n")
}

// deerflow is the policy of these tests.
func deerflow(t testing.TB) policy.Policies {
	t.Helper()
	userData, err := policy.ParseTemplate("users/{user}/threads/{thread}/user-data")
	if err != nil {
		t.Fatal(err)
	}
	return policy.Policies{{
		Name:              "deer-flow",
		Bounds:            policy.MostBounds(),
		Namespaces:        []string{"deer-flow"},
		Claim:             "deer-flow-home",
		Selector:          policy.MatchLabels(map[string]string{"app": "deer-flow-sandbox"}),
		Provisioners:      []string{provisioner},
		IdentityFrom:      policy.IdentitySources(),
		User:              policy.IDRule{Key: "user-id", MaxLength: policy.MaxUserLength},
		Thread:            policy.IDRule{Key: "thread-id", MaxLength: policy.MaxThreadLength},
		UserDataVolume:    "user-data",
		UserDataMountPath: "/mnt/user-data",
		Layout:            policy.Layout{Root: "deer-flow", UserData: userData},
	}}
}

const provisioner = "system:serviceaccount:deer-flow:deer-flow-provisioner"

// newWebhook returns the webhook with the given policies.
func newWebhook(t testing.TB, policies func() policy.Policies, registerer prometheus.Registerer) http.Handler {
	t.Helper()
	handler, err := admission.New(policies, registerer)
	if err != nil {
		t.Fatal(err)
	}
	limits := admission.DefaultLimits()
	limits.Values = 20000 // so that policies which panic are asked by the handler only
	return admission.NewWebhook(handler, limits)
}

// newDeerflowWebhook returns the webhook with the policy of these tests.
func newDeerflowWebhook(t testing.TB) http.Handler {
	policies := deerflow(t)
	return newWebhook(t, func() policy.Policies { return policies }, prometheus.NewRegistry())
}

// post sends a body and returns the review that answers it.
func post(t testing.TB, webhook http.Handler, contentType, body string) admissionv1.AdmissionReview {
	t.Helper()
	request := httptest.NewRequest(http.MethodPost, "/mutate", strings.NewReader(body))
	request.Header.Set("Content-Type", contentType)
	recorder := httptest.NewRecorder()
	webhook.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK {
		t.Errorf("HTTP status %d, want 200: an API server reads no review from another", recorder.Code)
	}
	if got := recorder.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q, want application/json", got)
	}
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &review); err != nil {
		t.Fatalf("the answer is no AdmissionReview: %v\n%s", err, recorder.Body)
	}
	if want := (metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}); review.TypeMeta != want {
		t.Errorf("answered with %v, want %v: an API server reads only reviews of the version that it sent", review.TypeMeta, want)
	}
	if review.Response == nil {
		t.Fatalf("the answer has no response: %s", recorder.Body)
	}
	return review
}

// ask sends a review and returns the response.
func ask(t testing.TB, webhook http.Handler, review object) *admissionv1.AdmissionResponse {
	t.Helper()
	return post(t, webhook, "application/json", text(t, review)).Response
}

// object is JSON in Go.
type object = map[string]any

// review is an AdmissionReview of the creation of a Pod by the provisioner, as an API server
// sends it.
func review(pod object) object {
	return object{
		"apiVersion": "admission.k8s.io/v1",
		"kind":       "AdmissionReview",
		"request": object{
			"uid":         "705ab4f5-6393-11e8-b7cc-42010a800002",
			"kind":        object{"group": "", "version": "v1", "kind": "Pod"},
			"resource":    object{"group": "", "version": "v1", "resource": "pods"},
			"requestKind": object{"group": "", "version": "v1", "kind": "Pod"},
			"name":        "sandbox-1",
			"namespace":   "deer-flow",
			"operation":   "CREATE",
			"userInfo":    object{"username": provisioner, "groups": []string{"system:serviceaccounts"}},
			"object":      pod,
			"oldObject":   nil,
			"dryRun":      false,
			"options":     object{"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
		},
	}
}

// sandbox is a Pod as DeerFlow's provisioner sends it, of the given labels.
func sandbox(labels object) object {
	labels["app"] = "deer-flow-sandbox"
	return object{
		"apiVersion": "v1",
		"kind":       "Pod",
		"metadata":   object{"name": "sandbox-1", "namespace": "deer-flow", "labels": labels},
		"spec": object{
			"containers": []any{object{
				"name":  "sandbox",
				"image": "registry.example/secret-image",
				"volumeMounts": []any{
					object{"name": "user-data", "mountPath": "/mnt/user-data", "subPath": "threads/t1/user-data"},
				},
			}},
			"volumes": []any{
				object{"name": "user-data", "persistentVolumeClaim": object{"claimName": "deer-flow-home"}},
			},
		},
	}
}

// alices is a sandbox that says whose it is.
func alices() object {
	return with(sandbox(object{"user-id": "alice", "thread-id": "t1", "userscope.dev/user": "alice", "userscope.dev/thread": "t1"}),
		stamps(), "metadata", "annotations")
}

// stamps are the annotations of alice's sandbox once it was judged.
func stamps() object {
	return object{
		"userscope.dev/policies": "deer-flow", "userscope.dev/user": "alice", "userscope.dev/thread": "t1",
		"user-id": "alice", "thread-id": "t1",
	}
}

// change is a review of a stored Pod that is to become another.
func change(operation string, old, pod object) object {
	return with(with(review(pod), operation, "request", "operation"), old, "request", "oldObject")
}

// with sets the member at a path of an object and returns the object.
func with(o object, value any, path ...string) object {
	at := o
	for _, step := range path[:len(path)-1] {
		at = at[step].(object)
	}
	at[path[len(path)-1]] = value
	return o
}

// text is an object as JSON.
func text(t testing.TB, o object) string {
	t.Helper()
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
