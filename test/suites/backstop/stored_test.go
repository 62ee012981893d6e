package backstop

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"pgregory.net/rapid"

	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/test/pods/random"
	"userscope.dev/userscope/webhook/scope"
)

// The Pods that were stored before the backstop was there: as the decision left them, and as it
// never saw them. Those that are doomed will be deleted.
var storedCalled, storedBacked, doomed []*random.Sample

func storeAll(ctx context.Context) (err error) {
	for _, in := range []differential.Installation{called[0], backed[0]} {
		if err := storeOfClaim(ctx, in.Oracle[0].Namespaces[0]); err != nil {
			return err
		}
	}
	if storedCalled, err = store(ctx, random.Stored(called), 80); err != nil {
		return err
	}
	if storedBacked, err = store(ctx, random.Stored(backed), 120); err != nil {
		return err
	}
	storedBacked, doomed = storedBacked[20:], storedBacked[:20]
	return nil
}

// ofClaim are Pods with the claim, by name: one that was judged for it, one that wears the labels, and
// one that is no sandbox.
var ofClaim = map[string]object{
	"judged":   {"annotations": object{"userscope.dev/policies": "deer-flow"}},
	"labelled": {"labels": object{"app": "deer-flow-sandbox"}},
	"gateway":  {},
}

func storeOfClaim(ctx context.Context, namespace string) error {
	for name, metadata := range ofClaim {
		pod := claims()
		pod["metadata"] = metadata
		metadata["name"] = name
		body, err := json.Marshal(pod)
		if err != nil {
			return err
		}
		if _, err := do(ctx, clusterAdmin(namespace), http.MethodPost, "pods", body); err != nil {
			return err
		}
	}
	return nil
}

// store stores so many of the drawn Pods that the API server takes, some with a debugger that no
// later one could have.
func store(ctx context.Context, generator *rapid.Generator[*random.Sample], most int) ([]*random.Sample, error) {
	debugger := object{"name": "debug-1", "image": "image", "securityContext": object{"privileged": true}, "terminationMessagePolicy": "File"}
	var stored []*random.Sample
	for seed := 0; len(stored) < most; seed++ {
		s := withName(generator.Example(seed))
		pod, err := do(ctx, clusterAdmin(s.Request.Namespace), http.MethodPost, "pods", s.Raw())
		if err != nil && isInvalid(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(stored)%3 == 0 {
			pod["spec"].(object)["ephemeralContainers"] = []any{debugger}
			body, err := json.Marshal(pod)
			if err != nil {
				return nil, err
			}
			if pod, err = do(ctx, clusterAdmin(s.Request.Namespace), http.MethodPut, "pods/"+nameOf(pod)+"/ephemeralcontainers", body); err != nil {
				return nil, err
			}
		}
		s.Pod = pod
		stored = append(stored, s)
	}
	return stored, nil
}

// clusterAdmin is somebody exempt who asks in a namespace.
func clusterAdmin(namespace string) oracle.Request {
	return oracle.Request{Namespace: namespace, Username: "cluster-admin", Groups: []string{"system:masters"}}
}

// operation is one kind of request about stored Pods.
type operation struct {
	verb        admissionv1.Operation
	method      string
	subresource string
	generator   func(stored *rapid.Generator[*random.Sample]) *rapid.Generator[*random.Operation]
	// try is the decision's and findings the oracle's.
	try      func(differential.Installation, oracle.Request, *random.Operation) (*differential.Outcome, error)
	findings func(policies []oracle.Policy, request oracle.Request, before, after map[string]any) []string
	// called tells whether the webhook has to be called.
	called func(o *random.Operation, before, after object, decision scope.Decision) bool
}

var stored = map[string]operation{
	"updates": {
		verb: admissionv1.Update, method: http.MethodPut, generator: random.Updates, findings: oracle.JudgeUpdate,
		try: func(in differential.Installation, request oracle.Request, o *random.Operation) (*differential.Outcome, error) {
			return in.Update(request, o.Stored, o.Raw())
		},
		called: func(o *random.Operation, before, after object, decision scope.Decision) bool {
			provisions := func(p oracle.Policy) bool {
				return slices.Contains(p.Namespaces, o.Request.Namespace) && slices.Contains(p.Provisioners, o.Request.Username)
			}
			return decision.Verdict == scope.Refused || slices.ContainsFunc(o.In.Oracle, provisions) && relabels(o, before, after)
		},
	},
	"debuggers": {
		verb: admissionv1.Update, method: http.MethodPut, subresource: "ephemeralcontainers",
		generator: random.Debuggers, findings: oracle.JudgeEphemeralContainers,
		try: func(in differential.Installation, request oracle.Request, o *random.Operation) (*differential.Outcome, error) {
			return in.AddEphemeralContainers(request, o.Stored, o.Raw())
		},
		called: func(_ *random.Operation, before, after object, decision scope.Decision) bool {
			return len(debuggers(after)) > len(debuggers(before)) && decision.Verdict != scope.Ungoverned
		},
	},
	"deletions": {
		verb: admissionv1.Delete, method: http.MethodDelete, generator: random.Deletions,
		findings: func(policies []oracle.Policy, request oracle.Request, before, _ map[string]any) []string {
			return oracle.JudgeDelete(policies, request, before)
		},
		try: func(in differential.Installation, request oracle.Request, o *random.Operation) (*differential.Outcome, error) {
			return in.Delete(request, o.Stored)
		},
		called: func(_ *random.Operation, _, _ object, decision scope.Decision) bool {
			return decision.Verdict == scope.Refused
		},
	},
}

// relabels reports whether an update changes labels, annotations that say whose a judged Pod is, or gives annotations
// that controllers and schedulers go by. A provisioner's such updates are judged, harmless or not.
func relabels(o *random.Operation, before, after object) bool {
	entries := func(pod object, field string) object {
		found, _ := pod["metadata"].(object)[field].(object)
		return found
	}
	was, is := entries(before, "annotations"), entries(after, "annotations")
	if !maps.Equal(entries(before, "labels"), entries(after, "labels")) {
		return true
	}
	if _, judged := was["userscope.dev/policies"]; judged && slices.Contains(o.Policy.Identity.From, "Annotation") {
		for _, key := range []string{o.Policy.Identity.UserKey, o.Policy.Identity.ThreadKey} {
			if was[key] != is[key] {
				return true
			}
		}
	}
	for key, value := range is {
		if (strings.HasPrefix(key, "controller.kubernetes.io/") || strings.HasPrefix(key, "scheduler.alpha.kubernetes.io/")) && was[key] != value {
			return true
		}
	}
	return false
}

// unproved are policies that ask for no proof: CEL has no hash.
func unproved(policies []oracle.Policy) []oracle.Policy {
	policies = slices.Clone(policies)
	for i := range policies {
		policies[i].Identity.Proof = "Never"
	}
	return policies
}

func debuggers(pod object) []any {
	containers, _ := pod["spec"].(object)["ephemeralContainers"].([]any)
	return containers
}

// ask tries the operation. The Pods before and after it are as the API server reads them.
func (op operation) ask(t *rapid.T, o *random.Operation) (before, after object, err error) {
	t.Helper()
	o.Request.Namespace = o.Pod["metadata"].(object)["namespace"].(string)
	body := o.Raw()
	var ok, okBefore bool
	before, okBefore = served(o.Stored)
	if after, ok = served(body); !ok || !okBefore {
		t.Fatalf("no Pod:\n%s", o)
	}
	if op.method == http.MethodDelete {
		body = nil
	}
	_, err = judged(t, o, func() (object, error) {
		return ask(t.Context(), o.Request, op.method, "pods/"+nameOf(o.Pod)+"/"+op.subresource, body)
	})
	return before, after, err
}

// The webhook is called for updates and deletions that it refuses, for whatever debugger a sandbox gets, and for all
// that a provisioner says in labels. No others wait for it.
func TestCalledForWhatHarmsStoredPods(t *testing.T) {
	for name, op := range stored {
		t.Run(name, func(t *testing.T) {
			generator := op.generator(rapid.SampledFrom(storedCalled))
			seen := map[string]int{}
			rapid.Check(t, func(t *rapid.T) {
				o := generator.Draw(t, "request")
				before, after, err := op.ask(t, o)
				if err != nil {
					seen["invalid"]++
					return
				}
				outcome, err := op.try(o.In, o.Request, o)
				if err != nil {
					t.Fatal(err)
				}
				wasCalled := calls.take(call{op.verb, o.Request.Namespace, nameOf(o.Pod), op.subresource})
				if want := op.called(o, before, after, outcome.Decision); wasCalled != want {
					t.Fatalf("called: %t, want %t\nstored: %s\n%s", wasCalled, want, o.Stored, o)
				}
				seen[map[bool]string{true: "called", false: "not called"}[wasCalled]]++
			})
			enough(t, seen, "called", "not called")
		})
	}
}

// The backstop refuses what the oracle condemns of what happens to stored Pods, but for proofs, and nothing else:
// who cannot update a Pod cannot let go of it either.
func TestStoredPodsGoOnLiving(t *testing.T) {
	for name, op := range stored {
		t.Run(name, func(t *testing.T) {
			generator := op.generator(rapid.SampledFrom(storedBacked))
			seen := map[string]int{}
			rapid.Check(t, func(t *rapid.T) {
				o := generator.Draw(t, "request")
				before, after, err := op.ask(t, o)
				if err != nil && !Refuses(err) {
					seen["invalid"]++
					return
				}
				findings := op.findings(unproved(o.In.Oracle), o.Request, before, after)
				if (err != nil) != (len(findings) > 0) {
					t.Fatalf("%v, and the oracle finds %q\nstored: %s\n%s", err, findings, o.Stored, o)
				}
				seen[map[bool]string{true: "refused", false: "passes"}[err != nil]]++
			})
			enough(t, seen, "refused", "passes")
		})
	}
}

// Every stored Pod, whatever it is, can be held by a finalizer, deleted and let go.
func TestStoredPodsAreLetGo(t *testing.T) {
	for _, s := range doomed {
		who := oracle.Request{Namespace: s.Pod["metadata"].(object)["namespace"].(string), Username: "somebody"}
		path := "pods/" + nameOf(s.Pod)
		for _, step := range []struct{ verb, body string }{
			{http.MethodPatch, `{"metadata": {"labels": {"team": "red"}, "finalizers": ["example.com/hold"]}}`},
			{http.MethodDelete, `{"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}`},
			{http.MethodPatch, `{"metadata": {"labels": {"team": null}, "finalizers": null}}`},
		} {
			if _, err := do(t.Context(), who, step.verb, path, []byte(step.body)); err != nil {
				t.Errorf("%s: %v\n%s", step.verb, err, s)
			}
		}
		if _, err := do(t.Context(), who, http.MethodGet, path, nil); !apierrors.IsNotFound(err) {
			t.Errorf("it is still there: %v\n%s", err, s)
		}
	}
}

// A Pod that was judged is a sandbox for whoever debugs it, also if only the claim made it one, and one
// that wears the labels is. Who is exempt may debug all others.
func TestDebuggersOfTheExempt(t *testing.T) {
	const patch = `{"spec": {"ephemeralContainers": [{"name": "debugger", "image": "image", "volumeMounts": [{"name": "user-data", "mountPath": "/all"}]}]}}`
	for name, isSandbox := range map[string]bool{"judged": true, "labelled": true, "gateway": false} {
		debug := func(in differential.Installation) (namespace string, err error) {
			namespace = in.Oracle[0].Namespaces[0]
			_, err = ask(t.Context(), clusterAdmin(namespace), http.MethodPatch, "pods/"+name+"/ephemeralcontainers", []byte(patch))
			return namespace, err
		}
		namespace, err := debug(called[0])
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if wasCalled := calls.take(call{admissionv1.Update, namespace, name, "ephemeralcontainers"}); wasCalled != isSandbox {
			t.Errorf("%s: called: %t, want %t", name, wasCalled, isSandbox)
		}
		if _, err = debug(backed[0]); Refuses(err) != isSandbox || err != nil && !isSandbox {
			t.Errorf("%s: refused: %t, want %t: %v", name, Refuses(err), isSandbox, err)
		}
	}
}

// enough shows what was drawn, and fails the test if too little was of one of the kinds.
func enough(t *testing.T, seen map[string]int, kinds ...string) {
	t.Helper()
	t.Log(seen)
	all := 0
	for _, count := range seen {
		all += count
	}
	for _, kind := range kinds {
		if seen[kind] < max(1, all/200) {
			t.Errorf("%s: only %d of %d", kind, seen[kind], all)
		}
	}
}
