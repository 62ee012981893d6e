package admission_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/scope"
)

const (
	alicesPath = "deer-flow/users/alice/threads/t1/user-data"
	noUser     = "no user: set this label to the sandbox's user id or, if the id is no legal label value, an annotation with the same key"
)

func TestDecisionsAreAnswered(t *testing.T) {
	tests := []struct {
		name  string
		given object

		allowed  bool
		patch    string
		warnings []string
		code     int32
		reason   metav1.StatusReason
		message  string
		audit    map[string]string
	}{
		{
			name:     "a sandbox with another subPath",
			given:    review(alices()),
			allowed:  true,
			patch:    `[{"op":"replace","path":"/spec/containers/0/volumeMounts/0/subPath","value":"` + alicesPath + `"}]`,
			warnings: []string{`spec.containers[0].volumeMounts[0].subPath: "threads/t1/user-data" is now "` + alicesPath + `"`},
			code:     http.StatusOK,
			audit:    map[string]string{"decision": "rewritten", "identity": "alice/t1 (label)"},
		},
		{
			name: "a sandbox with a subPathExpr",
			given: review(with(alices(), []any{object{"name": "sandbox", "volumeMounts": []any{
				object{"name": "user-data", "mountPath": "/mnt/user-data", "subPathExpr": "$(X)"},
			}}}, "spec", "containers")),
			allowed: true,
			patch: `[{"op":"remove","path":"/spec/containers/0/volumeMounts/0/subPathExpr"},` +
				`{"op":"add","path":"/spec/containers/0/volumeMounts/0/subPath","value":"` + alicesPath + `"}]`,
			warnings: []string{
				`spec.containers[0].volumeMounts[0].subPathExpr: "$(X)" is removed: user data is mounted by its literal path`,
				`spec.containers[0].volumeMounts[0].subPath: is now "` + alicesPath + `"`,
			},
			code:  http.StatusOK,
			audit: map[string]string{"decision": "rewritten", "identity": "alice/t1 (label)"},
		},
		{
			name: "a sandbox that is right already",
			given: review(with(alices(), []any{object{"name": "sandbox", "volumeMounts": []any{
				object{"name": "user-data", "mountPath": "/mnt/user-data", "subPath": alicesPath},
			}}}, "spec", "containers")),
			allowed: true,
			code:    http.StatusOK,
			audit:   map[string]string{"decision": "allowed", "identity": "alice/t1 (label)"},
		},
		{
			name:     "a dry run",
			given:    with(review(alices()), true, "request", "dryRun"),
			allowed:  true,
			patch:    `[{"op":"replace","path":"/spec/containers/0/volumeMounts/0/subPath","value":"` + alicesPath + `"}]`,
			warnings: []string{`spec.containers[0].volumeMounts[0].subPath: "threads/t1/user-data" is now "` + alicesPath + `"`},
			code:     http.StatusOK,
			audit:    map[string]string{"decision": "rewritten", "identity": "alice/t1 (label)"},
		},
		{
			name:     "a sandbox with fields that this build does not know",
			given:    review(with(alices(), object{"of": "tomorrow"}, "spec", "fieldOfTomorrow")),
			allowed:  true,
			patch:    `[{"op":"replace","path":"/spec/containers/0/volumeMounts/0/subPath","value":"` + alicesPath + `"}]`,
			warnings: []string{`spec.containers[0].volumeMounts[0].subPath: "threads/t1/user-data" is now "` + alicesPath + `"`},
			code:     http.StatusOK,
			audit:    map[string]string{"decision": "rewritten", "identity": "alice/t1 (label)"},
		},
		{
			name:  "a sandbox with a field inside a volume that this build does not know",
			given: review(with(alices(), []any{object{"name": "user-data", "persistentVolumeClaim": object{"claimName": "deer-flow-home", "of": "tomorrow"}}}, "spec", "volumes")),
			code:  http.StatusForbidden, reason: metav1.StatusReasonForbidden,
			message: `userscope: unknown-field: spec.volumes[0].persistentVolumeClaim.of: "tomorrow": is unknown to this version, or there twice: drop it, or upgrade Userscope`,
			audit:   map[string]string{"decision": "refused", "identity": "alice/t1 (label)", "rules": "unknown-field"},
		},
		{
			name: "a sandbox without stamps",
			given: review(with(with(alices(), object{}, "metadata", "annotations"), []any{object{"name": "sandbox", "volumeMounts": []any{
				object{"name": "user-data", "mountPath": "/mnt/user-data", "subPath": alicesPath},
			}}}, "spec", "containers")),
			allowed: true,
			patch: `[{"op":"add","path":"/metadata/annotations","value":{"userscope.dev/policies":"deer-flow"}},` +
				`{"op":"add","path":"/metadata/annotations/user-id","value":"alice"},{"op":"add","path":"/metadata/annotations/thread-id","value":"t1"},` +
				`{"op":"add","path":"/metadata/annotations/userscope.dev~1user","value":"alice"},{"op":"add","path":"/metadata/annotations/userscope.dev~1thread","value":"t1"}]`,
			code:  http.StatusOK,
			audit: map[string]string{"decision": "allowed", "identity": "alice/t1 (label)"},
		},
		{
			name:    "a Pod of another namespace, whatever its own metadata says",
			given:   with(review(alices()), "elsewhere", "request", "namespace"),
			allowed: true,
			code:    http.StatusOK,
			audit:   map[string]string{"decision": "ungoverned"},
		},
		{
			name:    "a sandbox of nobody",
			given:   review(sandbox(object{"thread-id": "t1"})),
			code:    http.StatusUnprocessableEntity,
			reason:  metav1.StatusReasonInvalid,
			message: "userscope: identity-missing: metadata.labels[user-id]: " + noUser,
			audit:   map[string]string{"decision": "refused", "rules": "identity-missing"},
		},
		{
			name:   "a sandbox of a hostile name and no thread",
			given:  review(sandbox(object{"user-id": "../bob"})),
			code:   http.StatusUnprocessableEntity,
			reason: metav1.StatusReasonInvalid,
			message: `userscope: identity-invalid: metadata.labels[user-id]: "../bob": has characters that no policy can admit there: set it to the user id that the data belongs to; ` +
				`identity-missing: metadata.labels[thread-id]: no thread: set this label to the sandbox's thread id or, if the id is no legal label value, an annotation with the same key`,
			audit: map[string]string{"decision": "refused", "rules": "identity-invalid,identity-missing"},
		},
		{
			name:    "the provisioner's Pod without the selector's labels",
			given:   review(with(alices(), object{"app": "cron", "user-id": "alice", "thread-id": "t1"}, "metadata", "labels")),
			code:    http.StatusForbidden,
			reason:  metav1.StatusReasonForbidden,
			message: `userscope: selector-mismatch: metadata.labels: "app=cron,thread-id=t1,user-id=alice": this creator's Pods are sandboxes: set the labels app=deer-flow-sandbox`,
			audit:   map[string]string{"decision": "refused", "identity": "alice/t1 (label)", "rules": "selector-mismatch"},
		},
		{
			name:   "a mistake in the identity beside another",
			given:  review(with(sandbox(object{}), object{"app": "cron", "thread-id": "t1"}, "metadata", "labels")),
			code:   http.StatusForbidden,
			reason: metav1.StatusReasonForbidden,
			message: `userscope: selector-mismatch: metadata.labels: "app=cron,thread-id=t1": this creator's Pods are sandboxes: set the labels app=deer-flow-sandbox; ` +
				`identity-missing: metadata.labels[user-id]: ` + noUser,
			audit: map[string]string{"decision": "refused", "rules": "selector-mismatch,identity-missing"},
		},
	}
	webhook := newDeerflowWebhook(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ask(t, webhook, test.given)
			if got.UID != uid {
				t.Errorf("uid %q, want %q", got.UID, uid)
			}
			if got.Allowed != test.allowed || got.Result.Code != test.code || got.Result.Reason != test.reason {
				t.Errorf("allowed %t, code %d, reason %q; want %t, %d, %q", got.Allowed, got.Result.Code, got.Result.Reason, test.allowed, test.code, test.reason)
			}
			if string(got.Patch) != test.patch {
				t.Errorf("patch\n%s\nwant\n%s", got.Patch, test.patch)
			}
			if (got.PatchType != nil) != (test.patch != "") {
				t.Errorf("patch type %v with patch %q", got.PatchType, got.Patch)
			}
			if !reflect.DeepEqual(got.Warnings, test.warnings) {
				t.Errorf("warnings %q, want %q", got.Warnings, test.warnings)
			}
			if got.Result.Message != test.message {
				t.Errorf("message\n%s\nwant\n%s", got.Result.Message, test.message)
			}
			if !reflect.DeepEqual(got.AuditAnnotations, test.audit) {
				t.Errorf("audit annotations %v, want %v", got.AuditAnnotations, test.audit)
			}
		})
	}
}

// Programs read the causes, and so does kubectl: of a 422 it shows nothing else.
func TestRefusalsHaveACauseForEachViolation(t *testing.T) {
	webhook := newDeerflowWebhook(t)
	given := with(review(sandbox(object{"user-id": "../bob", "thread-id": ""})), "", "request", "name")
	with(given, object{"generateName": "sandbox-", "labels": object{"app": "deer-flow-sandbox", "user-id": "../bob"}}, "request", "object", "metadata")
	want := &metav1.StatusDetails{
		Name: "sandbox-",
		Kind: "Pod",
		Causes: []metav1.StatusCause{
			{Type: "identity-invalid", Field: "metadata.labels[user-id]", Message: `userscope: identity-invalid: "../bob": has characters that no policy can admit there: set it to the user id that the data belongs to`},
			{Type: "identity-missing", Field: "metadata.labels[thread-id]", Message: "userscope: identity-missing: no thread: set this label to the sandbox's thread id or, if the id is no legal label value, an annotation with the same key"},
		},
	}
	if got := ask(t, webhook, given).Result.Details; !reflect.DeepEqual(got, want) {
		t.Errorf("details\n%+v\nwant\n%+v", got, want)
	}
}

// A Pod of thousands of mounts is patched everywhere, and told of in few words.
func TestWarningsAreFew(t *testing.T) {
	webhook := newDeerflowWebhook(t)
	mounting := func(mounts int) object {
		all := make([]any, mounts)
		for i := range all {
			all[i] = object{"name": "user-data", "mountPath": fmt.Sprint("/mnt/", i), "subPath": "./" + alicesPath}
		}
		return review(with(alices(), []any{object{"name": "sandbox", "volumeMounts": all}}, "spec", "containers"))
	}
	for _, test := range []struct {
		mounts, warnings int
		last             string
	}{
		{12, 12, `spec.containers[0].volumeMounts[11].subPath: "./` + alicesPath + `" is now "` + alicesPath + `"`},
		{13, 13, "and 1 more rewrites"},
		{1000, 13, "and 988 more rewrites"},
	} {
		got := ask(t, webhook, mounting(test.mounts))
		var patch []any
		if err := json.Unmarshal(got.Patch, &patch); err != nil || len(patch) != test.mounts {
			t.Fatalf("%d mounts: %d operations, %v, %v", test.mounts, len(patch), err, got.Result)
		}
		if len(got.Warnings) != test.warnings || got.Warnings[len(got.Warnings)-1] != test.last {
			t.Errorf("%d mounts: %d warnings, the last %q; want %d and %q", test.mounts, len(got.Warnings), got.Warnings[len(got.Warnings)-1], test.warnings, test.last)
		}
	}
}

// The creator is the authenticated user of the request.
func TestCreatorIsTheRequestsUser(t *testing.T) {
	policies := deerflow(t)
	policies[0].Exempt.Groups = []string{"system:masters"}
	webhook := newWebhook(t, func() policy.Policies { return policies }, prometheus.NewRegistry())
	claimOnly := with(sandbox(object{}), object{}, "metadata", "labels")
	for _, test := range []struct {
		name     string
		userInfo object
		want     string
	}{
		{"the provisioner", object{"username": provisioner}, "refused"},
		{"somebody who mounts the claim", object{"username": "carol"}, "refused"},
		{"a member of an exempt group", object{"username": "carol", "groups": []string{"system:masters"}}, "ungoverned"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ask(t, webhook, with(review(claimOnly), test.userInfo, "request", "userInfo"))
			if decision := got.AuditAnnotations["decision"]; decision != test.want {
				t.Errorf("%s, want %s", decision, test.want)
			}
		})
	}
}

// Policies may be exchanged while requests come in.
func TestEachRequestIsJudgedByThePoliciesInForce(t *testing.T) {
	inForce := deerflow(t)
	webhook := newWebhook(t, func() policy.Policies { return inForce }, prometheus.NewRegistry())
	if got := ask(t, webhook, review(sandbox(object{}))); got.Allowed {
		t.Error("allowed by a policy that refuses it")
	}
	inForce = nil
	if got := ask(t, webhook, review(sandbox(object{}))); !got.Allowed {
		t.Errorf("refused by no policy: %s", got.Result.Message)
	}
}

func TestLog(t *testing.T) {
	webhook := newDeerflowWebhook(t)
	request := `,"uid":"` + uid + `","namespace":"deer-flow","operation":"CREATE of pods","creator":"` + provisioner + `"`
	for _, test := range []struct {
		name  string
		given object
		want  string
	}{
		{
			name:  "a refusal",
			given: review(sandbox(object{"user-id": "a/b", "thread-id": "x/y"})),
			want:  `"level":"INFO","msg":"refused"` + request + `,"name":"sandbox-1","logger":"admission","rules":["identity-invalid"],"violations":["identity-invalid: metadata.labels[user-id]: \"a/b\": has characters that no policy can admit there: set it to the user id that the data belongs to","identity-invalid: metadata.labels[thread-id]: \"x/y\": has characters that no policy can admit there: set it to the thread id that the data belongs to"]}`,
		},
		{
			name: "a refusal of a Pod without a name",
			given: with(with(review(sandbox(object{"user-id": "a/b"})), "", "request", "name"),
				object{"generateName": "sandbox-", "labels": object{"app": "deer-flow-sandbox"}}, "request", "object", "metadata"),
			want: `"level":"INFO","msg":"refused"` + request + `,"generateName":"sandbox-","logger":"admission","rules":["identity-missing"],"violations":["identity-missing: metadata.labels[user-id]: no user: set this label to the sandbox's user id or, if the id is no legal label value, an annotation with the same key","identity-missing: metadata.labels[thread-id]: no thread: set this label to the sandbox's thread id or, if the id is no legal label value, an annotation with the same key"]}`,
		},
		{
			name:  "a refusal of a Pod with a name and a generateName",
			given: with(review(sandbox(object{"user-id": "a/b", "thread-id": "t1"})), "sandbox-", "request", "object", "metadata", "generateName"),
			want:  `"level":"INFO","msg":"refused"` + request + `,"name":"sandbox-1","logger":"admission","rules":["identity-invalid"],"violations":["identity-invalid: metadata.labels[user-id]: \"a/b\": has characters that no policy can admit there: set it to the user id that the data belongs to"]}`,
		},
		{
			name:  "a refusal of a Pod with neither",
			given: with(review(sandbox(object{"user-id": "a/b", "thread-id": "t1"})), "", "request", "name"),
			want:  `"level":"INFO","msg":"refused"` + request + `,"name":"","logger":"admission","rules":["identity-invalid"],"violations":["identity-invalid: metadata.labels[user-id]: \"a/b\": has characters that no policy can admit there: set it to the user id that the data belongs to"]}`,
		},
		{
			name:  "a body that is no review",
			given: with(review(alices()), "TokenReview", "kind"),
			want: `"level":"INFO","msg":"refused unjudged","logger":"admission","uid":"` + uid +
				`","reason":"apiVersion \"admission.k8s.io/v1\", kind \"TokenReview\": an AdmissionReview of admission.k8s.io/v1 is expected"}`,
		},
		{
			name:  "a Pod that passes",
			given: review(alices()),
			want:  `"level":"DEBUG","msg":"admitted"` + request + `,"name":"sandbox-1","logger":"admission","verdict":"rewritten"}`,
		},
		{
			name:  "a request that is not judged",
			given: with(review(alices()), nil, "request", "object"),
			want: `"level":"INFO","msg":"refused unjudged"` + request +
				`,"name":"sandbox-1","logger":"admission","reason":"request.object: is empty: a v1 Pod is expected"}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			logs.take()
			ask(t, webhook, test.given)
			lines := logs.take()
			if len(lines) != 1 {
				t.Fatalf("logged %d lines, want one: %q", len(lines), lines)
			}
			if _, line, _ := strings.Cut(lines[0], ","); line != test.want {
				t.Errorf("logged\n%s\nwant\n%s", line, test.want)
			}
		})
	}
}

// Whatever a request holds, its log line and its answer are short.
func TestLongTextsAreCut(t *testing.T) {
	webhook := newDeerflowWebhook(t)
	long := strings.Repeat("ä", 10_000)
	refused := func() object { return review(sandbox(object{"user-id": "a/b", "thread-id": "t1"})) }
	for _, test := range []struct {
		name  string
		given object
	}{
		{"name", with(refused(), long, "request", "name")},
		{"generateName", with(with(refused(), "", "request", "name"), object{"generateName": long}, "request", "object", "metadata")},
		{"namespace", with(refused(), long, "request", "namespace")},
		{"uid", with(refused(), long, "request", "uid")},
		{"uid of a body that is no review", with(with(refused(), long, "request", "uid"), "TokenReview", "kind")},
		{"kind of a body that is no review", with(refused(), long, "kind")},
		{"creator", with(refused(), object{"username": long}, "request", "userInfo")},
		{"operation", with(refused(), long, "request", "operation")},
		{"subresource", with(refused(), long, "request", "subResource")},
		{"resource", with(refused(), object{"version": "v1", "resource": long}, "request", "resource")},
		{"kind", with(refused(), object{"version": "v1", "kind": long}, "request", "kind")},
		{"label", review(sandbox(object{"user-id": long, "thread-id": "t1"}))},
	} {
		t.Run(test.name, func(t *testing.T) {
			logs.take()
			answer, err := json.Marshal(ask(t, webhook, test.given))
			if err != nil {
				t.Fatal(err)
			}
			if lines := strings.Join(logs.take(), ""); len(lines) > 4000 || len(answer) > 4000 {
				t.Errorf("the log has %d bytes and the answer %d, want at most 4000 each", len(lines), len(answer))
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	policies := deerflow(t)
	webhook := newWebhook(t, func() policy.Policies { return policies }, registry)
	const withoutRule = 4
	if got := gather(t, registry); len(got["userscope_decisions_total"]) != withoutRule+len(scope.Rules()) || len(got["userscope_decision_duration_seconds"]) != withoutRule+1 {
		t.Errorf("before the first request there are not all counters: %v", got)
	}

	ask(t, webhook, review(alices()))
	ask(t, webhook, review(alices()))
	ask(t, webhook, with(review(alices()), "elsewhere", "request", "namespace"))
	ask(t, webhook, review(sandbox(object{"user-id": "a/b", "thread-id": "x/y"})))
	ask(t, webhook, review(sandbox(object{"user-id": "a/b"})))
	ask(t, webhook, with(review(alices()), "UPDATE", "request", "operation"))
	ask(t, webhook, object{})
	post(t, webhook, "application/json", "")

	wantDecisions := map[string]float64{
		`rule="" verdict="rewritten"`:               2,
		`rule="" verdict="ungoverned"`:              1,
		`rule="" verdict="unjudged"`:                3,
		`rule="identity-invalid" verdict="refused"`: 2,
		`rule="identity-missing" verdict="refused"`: 1,
	}
	wantDurations := map[string]float64{
		`verdict="rewritten"`:  2,
		`verdict="ungoverned"`: 1,
		`verdict="unjudged"`:   3,
		`verdict="refused"`:    2,
	}
	got := gather(t, registry)
	for _, counts := range got {
		maps.DeleteFunc(counts, func(_ string, count float64) bool { return count == 0 })
	}
	if decisions := got["userscope_decisions_total"]; !reflect.DeepEqual(decisions, wantDecisions) {
		t.Errorf("userscope_decisions_total %v, want %v", decisions, wantDecisions)
	}
	if durations := got["userscope_decision_duration_seconds"]; !reflect.DeepEqual(durations, wantDurations) {
		t.Errorf("userscope_decision_duration_seconds counts %v, want %v", durations, wantDurations)
	}
	if len(got) != 3 {
		t.Errorf("%d metrics, want 3: %v", len(got), got)
	}
}

// gather returns the counts of a registry by metric and labels.
func gather(t *testing.T, gatherer prometheus.Gatherer) map[string]map[string]float64 {
	t.Helper()
	families, err := gatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]map[string]float64{}
	for _, family := range families {
		counts[family.GetName()] = map[string]float64{}
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, label.GetName()+`="`+label.GetValue()+`"`)
			}
			count := metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			counts[family.GetName()][strings.Join(labels, " ")] = count
		}
	}
	return counts
}
