package differential

import (
	"bytes"
	"encoding/json"
	"reflect"

	jsonpatch "github.com/evanphx/json-patch/v5"
	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/scope"
)

// Decide makes a decision about the creation of a Pod.
type Decide func(scope.Request) scope.Decision

// By returns the decision that Userscope makes by the policies.
func By(policies policy.Policies) Decide {
	return func(req scope.Request) scope.Decision { return scope.Create(policies, req) }
}

// Create tries the creation of a Pod by the installation's policies. The error says what makes
// the JSON no Pod.
func (in Installation) Create(request oracle.Request, raw []byte) (*Outcome, error) {
	return in.CreateBy(By(in.Policies), request, raw)
}

// CreateBy tries the creation of a Pod by a decision other than the installation's own.
func (in Installation) CreateBy(decide Decide, request oracle.Request, raw []byte) (*Outcome, error) {
	req, err := read(request, raw)
	if err != nil {
		return nil, err
	}
	sent, err := Object(raw)
	if err != nil {
		return nil, err
	}
	before := req.Pod.DeepCopy()
	o := &Outcome{Decision: decide(req)}
	if !reflect.DeepEqual(req.Pod, before) {
		o.problem("I9: the decision changed the Pod that it was given")
	}
	if again := decide(req); !reflect.DeepEqual(again, o.Decision) {
		o.problem("I9: a second decision on the same request is\n%+v\nafter\n%+v", again, o.Decision)
	}

	o.checkVerdict(len(oracle.Governed(in.Oracle, request, sent)) > 0)
	if o.Decision.Verdict == scope.Refused {
		o.checkViolations(sent)
		return o, nil
	}
	if o.Final, err = Apply(o.Decision.Edits, raw); err != nil {
		o.problem("the edits cannot be made: %v", err)
		return o, nil
	}
	final, err := Object(o.Final)
	if err != nil {
		o.problem("the edits leave no JSON: %v", err)
		return o, nil
	}
	o.Problems = append(o.Problems, oracle.Judge(in.Oracle, request, sent, final)...)
	o.checkIdentity(oracle.Governed(in.Oracle, request, final), final)
	o.checkAgain(decide, request)
	return o, nil
}

// checkVerdict holds the parts of a decision against each other.
func (o *Outcome) checkVerdict(governed bool) {
	d := o.Decision
	if governed == (d.Verdict == scope.Ungoverned) {
		o.problem("the verdict is %s, and governed is %t", d.Verdict, governed)
	}
	warned := false
	for _, edit := range d.Edits {
		warned = warned || edit.Warning != ""
	}
	switch d.Verdict {
	case scope.Ungoverned:
		if !reflect.DeepEqual(d, scope.Decision{Verdict: scope.Ungoverned}) {
			o.problem("an ungoverned Pod has %+v", d)
		}
	case scope.Allowed, scope.Rewritten:
		if len(d.Violations)+d.More > 0 || warned != (d.Verdict == scope.Rewritten) {
			o.problem("verdict %s with %d violations and edits %+v", d.Verdict, len(d.Violations)+d.More, d.Edits)
		}
	case scope.Refused:
		if len(d.Violations) == 0 || len(d.Edits) > 0 {
			o.problem("refused with %d violations and edits %+v", len(d.Violations), d.Edits)
		}
	default:
		o.problem("no verdict: %q", d.Verdict)
	}
}

// checkIdentity holds the identity that the decision reports against the one that the Pod bears.
// Who has no data may be reported as nobody. The policies are those that govern the result.
func (o *Outcome) checkIdentity(governing []oracle.Policy, final map[string]any) {
	user, thread := oracle.Whose(governing, final)
	if id := o.Decision.Identity; id != (policy.Identity{}) && (id.User != user || id.Thread != thread) {
		o.problem("I5: the decision reports %+v for user %q and thread %q", id, user, thread)
	}
}

// checkAgain is I6: a second decision on the result changes nothing and refuses nothing.
func (o *Outcome) checkAgain(decide Decide, request oracle.Request) {
	req, err := read(request, o.Final)
	if err != nil {
		o.problem("the edits leave no Pod: %v", err)
		return
	}
	want := o.Decision
	want.Edits = nil
	if want.Verdict == scope.Rewritten {
		want.Verdict = scope.Allowed
	}
	again := decide(req)
	want.Identity.Source = again.Identity.Source // the stamps declare what may have been adopted
	if !reflect.DeepEqual(again, want) {
		o.problem("I6: a decision on the result is %+v", again)
	}
}

// read makes the decision's request of a Pod's JSON.
func read(request oracle.Request, raw []byte) (scope.Request, error) {
	pod, unknown, err := podjson.Parse(raw)
	return scopeRequest(request, pod, unknown), err
}

func scopeRequest(request oracle.Request, pod *corev1.Pod, unknown []podjson.UnknownField) scope.Request {
	return scope.Request{
		Namespace: request.Namespace,
		Creator:   scope.Creator{Username: request.Username, Groups: request.Groups},
		Pod:       pod,
		Unknown:   unknown,
	}
}

// Object reads JSON as the oracle takes it. Numbers stay as they are written.
func Object(raw []byte) (map[string]any, error) {
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		return nil, err
	}
	return object, nil
}

// Apply makes edits with a library that is not Userscope's.
func Apply(edits []scope.Edit, raw []byte) ([]byte, error) {
	if len(edits) == 0 {
		return raw, nil
	}
	operations := make([]map[string]any, len(edits))
	for i, edit := range edits {
		operations[i] = map[string]any{"op": edit.Op, "path": edit.Path}
		if edit.Op != "remove" {
			operations[i]["value"] = edit.Value
		}
	}
	encoded, err := json.Marshal(operations)
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.DecodePatch(encoded)
	if err != nil {
		return nil, err
	}
	return patch.Apply(raw)
}
