package differential

import (
	"reflect"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/scope"
)

// Update tries an update of a Pod. What the oracle finds no fault with must pass, for a Pod that
// cannot be updated cannot be deleted either.
func (in Installation) Update(request oracle.Request, old, updated []byte) (*Outcome, error) {
	return in.change(request, old, updated, scope.Update, func(before, after map[string]any, refused bool) []string {
		findings := oracle.JudgeUpdate(in.Oracle, request, before, after)
		if refused && len(findings) == 0 {
			return []string{"an update is refused that harms nobody"}
		}
		return keep(findings, !refused)
	})
}

// Respecify tries an update of a Pod's volumes and containers.
func (in Installation) Respecify(request oracle.Request, old, updated []byte) (*Outcome, error) {
	return in.change(request, old, updated, scope.Update, func(before, after map[string]any, refused bool) []string {
		return keep(oracle.JudgeUpdate(in.Oracle, request, before, after), !refused)
	})
}

// Delete tries the deletion of a Pod.
func (in Installation) Delete(request oracle.Request, old []byte) (*Outcome, error) {
	return in.change(request, old, old, scope.Delete, func(before, _ map[string]any, refused bool) []string {
		findings := oracle.JudgeDelete(in.Oracle, request, before)
		if refused && len(findings) == 0 {
			return []string{"a deletion is refused that harms nobody"}
		}
		return keep(findings, !refused)
	})
}

// AddEphemeralContainers tries a change of a Pod's ephemeral containers.
func (in Installation) AddEphemeralContainers(request oracle.Request, old, updated []byte) (*Outcome, error) {
	return in.change(request, old, updated, scope.AddEphemeralContainers, func(before, after map[string]any, refused bool) []string {
		return keep(oracle.JudgeEphemeralContainers(in.Oracle, request, before, after), !refused)
	})
}

// keep returns the findings about what was let through.
func keep(findings []string, passed bool) []string {
	if passed {
		return findings
	}
	return nil
}

// change has an operation judged twice and the decision held against the oracle.
func (in Installation) change(
	request oracle.Request, old, updated []byte,
	decide func(policy.Policies, scope.Request, *corev1.Pod) scope.Decision,
	findings func(before, after map[string]any, refused bool) []string,
) (*Outcome, error) {
	stored, err := read(request, old)
	if err != nil {
		return nil, err
	}
	req, err := read(request, updated)
	if err != nil {
		return nil, err
	}
	before, err := Object(old)
	if err != nil {
		return nil, err
	}
	after, err := Object(updated)
	if err != nil {
		return nil, err
	}
	req.StoredUnknown = stored.Unknown
	o := &Outcome{Decision: decide(in.Policies, req, stored.Pod)}
	if again := decide(in.Policies, req, stored.Pod); !reflect.DeepEqual(again, o.Decision) {
		o.problem("I9: a second decision on the same request is\n%+v\nafter\n%+v", again, o.Decision)
	}
	if len(o.Decision.Edits) > 0 {
		o.problem("a stored Pod is edited: %+v", o.Decision.Edits)
	}
	refused := o.Decision.Verdict == scope.Refused
	if refused != (len(o.Decision.Violations) > 0) {
		o.problem("verdict %s with %d violations", o.Decision.Verdict, len(o.Decision.Violations))
	}
	o.checkViolations(after)
	for _, finding := range findings(before, after, refused) {
		o.problem("%s", finding)
	}
	return o, nil
}
