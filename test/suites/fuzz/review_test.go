package fuzz

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/webhook/admission"
	"userscope.dev/userscope/webhook/policy"
)

// FuzzAdmissionReview posts any bytes to the webhook. Whatever it is, the answer is a review;
// and what that lets through, the oracle finds no fault with.
func FuzzAdmissionReview(f *testing.F) {
	ctrllog.SetLogger(logr.Discard())
	in, err := differential.DeerFlow()
	if err != nil {
		f.Fatal(err)
	}
	handler, err := admission.New(func() policy.Policies { return in.Policies }, prometheus.NewRegistry())
	if err != nil {
		f.Fatal(err)
	}
	webhook := admission.NewWebhook(handler, admission.DefaultLimits())
	first := in.Oracle[0]
	for _, pod := range pods(first) {
		for _, operation := range []string{
			`"operation":"CREATE"`,
			`"operation":"UPDATE","oldObject":` + pod,
			`"operation":"UPDATE","subResource":"ephemeralcontainers","oldObject":` + pod,
			`"operation":"DELETE","oldObject":` + pod,
		} {
			f.Add(fmt.Appendf(nil, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1",
				"kind":{"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},
				"namespace":"deer-flow","userInfo":{"username":%q,"groups":["g"]},"object":%s,%s}}`, first.Provisioners[0], pod, operation))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		post(t, webhook, body)
		// An API server sends no field twice.
		if body, ok := canonical(body); ok {
			checkAnswer(t, in, body, post(t, webhook, body))
		}
	})
}

// post sends a body and returns the answer.
func post(t *testing.T, webhook http.Handler, body []byte) *admissionv1.AdmissionResponse {
	t.Helper()
	request := httptest.NewRequest(http.MethodPost, "/mutate", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	webhook.ServeHTTP(recorder, request)
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &review); err != nil || recorder.Code != http.StatusOK || review.Response == nil {
		t.Fatalf("status %d, %v: %s", recorder.Code, err, recorder.Body)
	}
	if review.Response.Result == nil && !review.Response.Allowed {
		t.Fatalf("a refusal without reason: %s", recorder.Body)
	}
	return review.Response
}

// checkAnswer holds what is let through against the oracle. The review is read without the code
// under test, and name by name: Go's own decoder would take userinfo for userInfo.
func checkAnswer(t *testing.T, in differential.Installation, body []byte, answer *admissionv1.AdmissionResponse) {
	t.Helper()
	if !answer.Allowed {
		if len(answer.Patch) > 0 {
			t.Errorf("a refusal with a patch: %s", answer.Patch)
		}
		return
	}
	asked := object(parse(t, body), "request")
	if asked["uid"] != string(answer.UID) || object(asked, "kind")["kind"] != "Pod" || object(asked, "resource")["resource"] != "pods" {
		t.Errorf("allowed: %s", body)
	}
	user := object(asked, "userInfo")
	request := oracle.Request{Namespace: text(asked["namespace"]), Username: text(user["username"])}
	groups, _ := user["groups"].([]any)
	for _, group := range groups {
		request.Groups = append(request.Groups, text(group))
	}

	pod, old := object(asked, "object"), object(asked, "oldObject")
	var findings []string
	switch what := strings.TrimSpace(text(asked["operation"]) + " " + text(asked["subResource"])); what {
	case "CREATE":
		findings = oracle.Judge(in.Oracle, request, pod, patched(t, pod, answer.Patch))
	case "UPDATE":
		findings = oracle.JudgeUpdate(in.Oracle, request, old, pod)
	case "UPDATE ephemeralcontainers":
		findings = oracle.JudgeEphemeralContainers(in.Oracle, request, old, pod)
	case "DELETE":
		findings = oracle.JudgeDelete(in.Oracle, request, old)
	default:
		findings = []string{"nobody knows what " + what + " does"}
	}
	if len(findings) > 0 {
		t.Errorf("allowed: %s\n%s\n%s", body, answer.Patch, strings.Join(findings, "\n"))
	}
}

// object returns a member that is an object; nil where it is none.
func object(of map[string]any, key string) map[string]any {
	member, _ := of[key].(map[string]any)
	return member
}

// text returns a value that is a string; empty where it is none.
func text(value any) string {
	found, _ := value.(string)
	return found
}

// patched returns an object with a patch applied, if there is one.
func patched(t *testing.T, object map[string]any, patch []byte) map[string]any {
	t.Helper()
	if len(patch) == 0 {
		return object
	}
	decoded, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		t.Fatalf("%v: %s", err, patch)
	}
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	final, err := decoded.Apply(raw)
	if err != nil {
		t.Fatalf("%v: %s", err, patch)
	}
	return parse(t, final)
}

// parse reads a JSON object.
func parse(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	object, err := differential.Object(raw)
	if err != nil {
		t.Fatalf("allowed, and no object: %v: %s", err, raw)
	}
	return object
}
