package scope

import (
	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// review is one Pod while it is judged: the Pod as edited so far, and what was found.
type review struct {
	sent       *corev1.Pod // as it came, never changed
	pod        *corev1.Pod
	unknown    []podjson.UnknownField
	creator    Creator
	old        *corev1.Pod // as it is stored; nil for a new Pod
	governing  policy.Policies
	id         policy.Identity
	identified bool         // whether id is whole and proved
	given      bool         // whether an update gives an identity to a Pod that has none
	dirs       policy.Tree  // of the identity, under the policy that is asked
	judged     []container  // the containers that the request brings
	replaced   map[int]bool // the volumes that were replaced, by index
	edits      []Edit
	violations []Violation
	more       int
	found      map[Violation]bool // all of them, listed or not
}

// MaxViolations is how many violations a decision lists; it counts the rest.
const MaxViolations = 32

// refuse records a violation. Policies that share a namespace may find the same one.
func (r *review) refuse(rule Rule, at podjson.Location, value, message string) {
	r.refuseAt(rule, at.String(), value, message)
}

// refuseAt records a violation at a path.
func (r *review) refuseAt(rule Rule, path, value, message string) {
	violation := Violation{Rule: rule, Path: path, Value: value, Message: message}
	if r.found[violation] {
		return
	}
	if r.found == nil {
		r.found = map[Violation]bool{}
	}
	r.found[violation] = true
	if len(r.violations) == MaxViolations {
		r.more++
		return
	}
	r.violations = append(r.violations, violation)
}

// setTrue makes field, the boolean at a location, true.
func (r *review) setTrue(field *bool, at podjson.Location, why string) {
	if *field {
		return
	}
	// The object may say false or nothing, and "add" fits both.
	r.edits = append(r.edits, Edit{Op: "add", Path: at.Pointer(), Value: true, Warning: at.String() + ": is now true: " + why})
	*field = true
}

// setString makes field, the string at a location, hold want.
func (r *review) setString(field *string, at podjson.Location, want string) {
	if *field == want {
		return
	}
	op := "replace"
	if *field == "" {
		op = "add"
	}
	r.edits = append(r.edits, Edit{Op: op, Path: at.Pointer(), Value: want, Warning: changeText(at.String(), *field, want)})
	*field = want
}

// setMountString makes field, the string of that name of a mount, hold want. Where a mount stands is worked
// out only if that changes something, which it seldom does.
func (r *review) setMountString(m mount, field *string, name, want string) {
	if *field != want {
		r.setString(field, m.at(name), want)
	}
}

// removeString empties field, the string at a location.
func (r *review) removeString(field *string, at podjson.Location, why string) {
	if *field == "" {
		return
	}
	r.edits = append(r.edits, Edit{Op: "remove", Path: at.Pointer(), Warning: removalText(at.String(), *field, why)})
	*field = ""
}

// decision sums the review up.
func (r *review) decision() Decision {
	if len(r.violations) > 0 {
		return Decision{Verdict: Refused, Identity: r.id, Violations: r.violations, More: r.more}
	}
	d := Decision{Verdict: Allowed, Identity: r.id}
	if len(r.edits) > 0 {
		d.Edits = r.edits
	}
	for _, edit := range r.edits {
		if edit.Warning != "" {
			d.Verdict = Rewritten
		}
	}
	return d
}
