package admission_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"userscope.dev/userscope/webhook/admission"
	"userscope.dev/userscope/webhook/policy"
)

const uid = "705ab4f5-6393-11e8-b7cc-42010a800002"

// Whatever arrives, the answer is a refusal that says what was wrong with it.
func TestBadInputIsRefused(t *testing.T) {
	valid := text(t, review(alices()))
	tests := []struct {
		name        string
		body        string
		contentType string

		code    int32
		message string
		uid     string
	}{
		{
			name: "no body",
			code: http.StatusBadRequest, message: "the body is empty: an AdmissionReview is expected",
		},
		{
			name: "another content type", contentType: "application/yaml", body: valid,
			code: http.StatusBadRequest, message: `Content-Type "application/yaml": application/json is expected`, uid: uid,
		},
		{
			name: "a content type with a parameter", contentType: "application/json; charset=utf-8", body: valid,
			code: http.StatusBadRequest, message: `Content-Type "application/json; charset=utf-8": application/json is expected`, uid: uid,
		},
		{
			name: "YAML", body: "kind: AdmissionReview",
			code: http.StatusBadRequest, message: "the body is not an AdmissionReview in JSON: invalid character",
		},
		{
			name: "JSON cut off", body: valid[:len(valid)/2],
			code: http.StatusBadRequest, message: "the body is not an AdmissionReview in JSON: unexpected end of JSON input",
		},
		{
			name: "more than 7 MiB", body: valid + strings.Repeat(" ", 7<<20-len(valid)+1),
			code: http.StatusRequestEntityTooLarge, message: "the body is larger than 7340032 bytes, for which there is no flag", uid: uid,
		},
		{
			name: "an empty object", body: "{}",
			code: http.StatusBadRequest, message: `apiVersion "", kind "": an AdmissionReview of admission.k8s.io/v1 is expected`,
		},
		{
			name: "a list", body: "[]",
			code: http.StatusBadRequest, message: "the body is not an AdmissionReview in JSON: json: cannot unmarshal array",
		},
		{
			name: "null", body: "null",
			code: http.StatusBadRequest, message: `apiVersion "", kind "": an AdmissionReview of admission.k8s.io/v1 is expected`,
		},
		{
			name: "a review of another kind", body: text(t, with(review(alices()), "TokenReview", "kind")),
			code: http.StatusBadRequest, message: `apiVersion "admission.k8s.io/v1", kind "TokenReview": an AdmissionReview of admission.k8s.io/v1 is expected`, uid: uid,
		},
		{
			name: "a review of another version", body: text(t, with(review(alices()), "admission.k8s.io/v1beta1", "apiVersion")),
			code: http.StatusBadRequest, message: `apiVersion "admission.k8s.io/v1beta1", kind "AdmissionReview": an AdmissionReview of admission.k8s.io/v1 is expected`, uid: uid,
		},
		{
			name: "a Pod without a review", body: text(t, alices()),
			code: http.StatusBadRequest, message: `apiVersion "v1", kind "Pod": an AdmissionReview of admission.k8s.io/v1 is expected`,
		},
		{
			name: "a kind that is no string", body: `{"apiVersion":"admission.k8s.io/v1","kind":5}`,
			code: http.StatusBadRequest, message: "the body is not an AdmissionReview in JSON: json: cannot unmarshal number",
		},
		{
			name: "no request", body: `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`,
			code: http.StatusBadRequest, message: "request: is missing or has no uid",
		},
		{
			name: "a null request", body: text(t, with(review(alices()), nil, "request")),
			code: http.StatusBadRequest, message: "request: is missing or has no uid",
		},
		{
			name: "a request without uid", body: text(t, with(review(alices()), "", "request", "uid")),
			code: http.StatusBadRequest, message: "request: is missing or has no uid",
		},
		{
			name: "a request that is no object", body: text(t, with(review(alices()), "CREATE", "request")),
			code: http.StatusBadRequest, message: "the body is not an AdmissionReview in JSON: json: cannot unmarshal string",
		},
		{
			name: "two kinds", body: strings.Replace(valid, `"kind":"AdmissionReview"`, `"kind":"AdmissionReview","kind":"AdmissionReview"`, 1),
			code: http.StatusBadRequest, message: `the body is not an AdmissionReview in JSON: duplicate field "kind"`, uid: uid,
		},
		{
			name: "two namespaces", body: strings.Replace(valid, `"namespace":"deer-flow","object"`, `"namespace":"deer-flow","namespace":"elsewhere","object"`, 1),
			code: http.StatusBadRequest, message: `the body is not an AdmissionReview in JSON: duplicate field "request.namespace"`, uid: uid,
		},
		{
			name: "an operation that is no string", body: text(t, with(review(alices()), 5, "request", "operation")),
			code: http.StatusBadRequest, message: "the body is not an AdmissionReview in JSON: json: cannot unmarshal number", uid: uid,
		},
		{
			name: "no namespace", body: text(t, with(review(alices()), "", "request", "namespace")),
			code: http.StatusBadRequest, message: "request.namespace: is empty: a Pod has a namespace", uid: uid,
		},
		{
			name: "no username", body: text(t, with(review(alices()), object{"groups": []string{"system:masters"}}, "request", "userInfo")),
			code: http.StatusBadRequest, message: "request.userInfo.username: is empty: whoever asks has a name, if only system:anonymous", uid: uid,
		},
		{
			name: "a deletion without username", body: text(t, with(with(change("DELETE", alices(), nil), nil, "request", "object"), nil, "request", "userInfo")),
			code: http.StatusBadRequest, message: "request.userInfo.username: is empty: whoever asks has a name, if only system:anonymous", uid: uid,
		},
		{
			name: "a Pod with a kind and no version", body: text(t, review(with(alices(), "", "apiVersion"))),
			code: http.StatusBadRequest, message: `request.object: apiVersion "", kind "Pod": a v1 Pod is expected`, uid: uid,
		},
		{
			name: "a Pod with a version and no kind", body: text(t, review(with(alices(), "", "kind"))),
			code: http.StatusBadRequest, message: `request.object: apiVersion "v1", kind "": a v1 Pod is expected`, uid: uid,
		},
		{
			name: "a Pod of another version", body: text(t, review(with(alices(), "v2", "apiVersion"))),
			code: http.StatusBadRequest, message: `request.object: apiVersion "v2", kind "Pod": a v1 Pod is expected`, uid: uid,
		},
		{
			name: "an object of another kind in the request", body: text(t, with(review(alices()), "Deployment", "request", "kind", "kind")),
			code: http.StatusBadRequest, message: `request.kind: "v1 Deployment": a v1 Pod is expected`, uid: uid,
		},
		{
			name: "no object", body: text(t, with(review(alices()), nil, "request", "object")),
			code: http.StatusBadRequest, message: "request.object: is empty: a v1 Pod is expected", uid: uid,
		},
		{
			name: "an object without members", body: text(t, review(object{})),
			code: http.StatusBadRequest, message: "request.object: metadata: is missing: a Pod has a name", uid: uid,
		},
		{
			name: "an object without containers", body: text(t, review(object{"metadata": object{"name": "a"}})),
			code: http.StatusBadRequest, message: "request.object: spec.containers: is empty: a Pod needs at least one container", uid: uid,
		},
		{
			name: "a quantity with too many digits", body: text(t, review(object{"metadata": object{}, "spec": object{"overhead": object{"cpu": "1e-100"}}})),
			code: http.StatusBadRequest, message: `request.object: is not a Pod: spec.overhead[cpu]: "1e-100" has more digits than any quantity`, uid: uid,
		},
		{
			name: "an object that is a string", body: text(t, with(review(nil), "Pod", "request", "object")),
			code: http.StatusBadRequest, message: "request.object: is not a Pod: json: cannot unmarshal string", uid: uid,
		},
		{
			name: "an object that calls itself something else", body: text(t, review(with(alices(), "Binding", "kind"))),
			code: http.StatusBadRequest, message: `request.object: apiVersion "v1", kind "Binding": a v1 Pod is expected`, uid: uid,
		},
		{
			name: "a Pod with a field of the wrong type", body: text(t, review(with(alices(), "none", "spec", "containers"))),
			code: http.StatusBadRequest, message: "request.object: is not a Pod: json: cannot unmarshal string into Go struct field PodSpec.spec.containers", uid: uid,
		},
		{
			name: "a Pod without containers", body: text(t, review(with(alices(), []any{}, "spec", "containers"))),
			code: http.StatusBadRequest, message: "request.object: spec.containers: is empty: a Pod needs at least one container", uid: uid,
		},
		{
			name: "another resource", body: text(t, with(review(alices()), object{"group": "apps", "version": "v1", "resource": "deployments"}, "request", "resource")),
			code: http.StatusForbidden, message: "refused: CREATE of deployments of apps is none of what Userscope judges", uid: uid,
		},
		{
			name: "another version of Pods", body: text(t, with(review(alices()), "v2", "request", "resource", "version")),
			code: http.StatusForbidden, message: "refused: CREATE of pods is none of what Userscope judges", uid: uid,
		},
		{
			name: "a subresource", body: text(t, with(review(alices()), "resize", "request", "subResource")),
			code: http.StatusForbidden, message: "refused: CREATE of pods/resize is none of what Userscope judges", uid: uid,
		},
		{
			name: "an update of nothing", body: text(t, with(review(alices()), "UPDATE", "request", "operation")),
			code: http.StatusBadRequest, message: "request.oldObject: is empty: a v1 Pod is expected", uid: uid,
		},
		{
			name: "an update to nothing", body: text(t, with(with(change("UPDATE", alices(), alices()), nil, "request", "object"), "x", "request", "name")),
			code: http.StatusBadRequest, message: "request.object: is empty: a v1 Pod is expected", uid: uid,
		},
		{
			name: "a deletion of nothing", body: text(t, with(review(alices()), "DELETE", "request", "operation")),
			code: http.StatusBadRequest, message: "request.oldObject: is empty: a v1 Pod is expected", uid: uid,
		},
		{
			name: "ephemeral containers of a new Pod", body: text(t, with(review(alices()), "ephemeralcontainers", "request", "subResource")),
			code: http.StatusForbidden, message: "refused: CREATE of pods/ephemeralcontainers is none of what Userscope judges", uid: uid,
		},
		{
			name: "an update of another subresource", body: text(t, with(change("UPDATE", alices(), alices()), "status", "request", "subResource")),
			code: http.StatusForbidden, message: "refused: UPDATE of pods/status is none of what Userscope judges", uid: uid,
		},
		{
			name: "a connection", body: text(t, with(with(review(alices()), "CONNECT", "request", "operation"), "exec", "request", "subResource")),
			code: http.StatusForbidden, message: "refused: CONNECT of pods/exec is none of what Userscope judges", uid: uid,
		},
		{
			name: "an operation that nobody knows", body: text(t, with(review(alices()), "create", "request", "operation")),
			code: http.StatusForbidden, message: "refused: create of pods is none of what Userscope judges", uid: uid,
		},
		{
			name: "no operation", body: text(t, with(review(alices()), "", "request", "operation")),
			code: http.StatusForbidden, message: "refused:  of pods is none of what Userscope judges (CREATE of pods, UPDATE of pods, DELETE of pods, UPDATE of pods/ephemeralcontainers): correct the rules of the webhook configuration", uid: uid,
		},
	}
	webhook := newDeerflowWebhook(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			contentType := test.contentType
			if contentType == "" {
				contentType = "application/json"
			}
			got := post(t, webhook, contentType, test.body).Response
			if got.Allowed || got.Patch != nil {
				t.Errorf("allowed %t with patch %s", got.Allowed, got.Patch)
			}
			if got.Result.Code != test.code || !strings.HasPrefix(got.Result.Message, "userscope: "+test.message) {
				t.Errorf("refused with %d %q, want %d %q", got.Result.Code, got.Result.Message, test.code, "userscope: "+test.message)
			}
			if want := map[string]string{"decision": "unjudged"}; !reflect.DeepEqual(got.AuditAnnotations, want) {
				t.Errorf("audit annotations %v, want %v", got.AuditAnnotations, want)
			}
			if string(got.UID) != test.uid {
				t.Errorf("uid %q, want %q", got.UID, test.uid)
			}
		})
	}

	largest := valid + strings.Repeat(" ", 7<<20-len(valid))
	if got := post(t, webhook, "application/json", largest).Response; !got.Allowed {
		t.Errorf("after all that the valid request is refused, as large as may be: %v", got.Result)
	}
}

// A handler without its metrics would judge unseen.
func TestMetricsThatCannotBeRegistered(t *testing.T) {
	registry := prometheus.NewRegistry()
	newWebhook(t, nil, registry)
	if handler, err := admission.New(nil, registry); err == nil || handler != nil {
		t.Errorf("a second handler on one registry is %v, %v", handler, err)
	}
}

// A defect of ours refuses one Pod and leaves a trace; it never ends the server.
func TestPanicIsARefusal(t *testing.T) {
	webhook := newWebhook(t, func() policy.Policies { panic("broken invariant") }, prometheus.NewRegistry())
	logs.take()
	got := ask(t, webhook, review(alices()))
	if got.Allowed || got.Result.Code != http.StatusInternalServerError || string(got.UID) != uid {
		t.Errorf("allowed %t, code %d, uid %q; want a refusal with 500 and uid %q", got.Allowed, got.Result.Code, got.UID, uid)
	}
	lines := logs.take()
	if len(lines) != 1 || !strings.Contains(lines[0], `"panic":"broken invariant"`) ||
		!strings.Contains(lines[0], `"uid":"`+uid+`"`) || !strings.Contains(lines[0], "handler.go") {
		t.Errorf("logged %q, want one line with the panic, the request's uid and the stack", lines)
	}
	if strings.Contains(strings.Join(lines, ""), "secret-image") {
		t.Error("the log holds the object's body")
	}
}

// FuzzWebhook holds that nothing but a review of the creation of a Pod is allowed.
func FuzzWebhook(f *testing.F) {
	f.Add(text(f, review(alices())))
	f.Add(text(f, review(sandbox(object{}))))
	f.Add(text(f, with(review(alices()), nil, "request")))
	f.Add(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","Kind":"x","request":{"uid":"1"}}`)
	webhook := newDeerflowWebhook(f)
	f.Fuzz(func(t *testing.T, body string) {
		got := post(t, webhook, "application/json", body).Response
		if !got.Allowed {
			return
		}
		for _, needed := range []string{"AdmissionReview", "admission.k8s.io", "uid", "CREATE", "pods", "containers"} {
			if !strings.Contains(body, needed) && !strings.Contains(body, `\u`) {
				t.Errorf("allowed without %q: %s", needed, body)
			}
		}
	})
}
