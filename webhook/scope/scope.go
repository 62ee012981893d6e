// Package scope decides what may become of a sandbox Pod: it is the whole of Userscope's
// judgement, and nothing else.
//
// A decision is a pure function of the policies and one admission request. It reads no
// clock, no file and no network, keeps no state, never panics, and returns data: a
// verdict, edits, violations. How these reach a person or an API server is the business
// of the packages that import this one. scope itself imports the Kubernetes API types, the Pod
// Security checks, policy and podjson, and nothing else of Userscope; a test holds it to that.
//
// Its files stand in layers. A file uses identifiers of the layers before its own; a test counts the
// exceptions.
//
//	1  added, text
//	2  scope, visit, volumes
//	3  claim, editable, hostpath, review
//	4  rule, govern, paths, stamp, userdata
//	5  give, part, ungoverned
//	6  rule_*
//	7  identity
//	8  rules
//	9  create, update, delete, ephemeralcontainers
package scope

import (
	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// Request is what a decision about a Pod depends on.
type Request struct {
	// Namespace is the admission request's namespace. The Pod's own metadata may leave
	// it empty.
	Namespace string

	// Creator is the authenticated user of the request.
	Creator Creator

	// Pod is the object as it was sent; nil for a deletion. The decision does not change it.
	Pod *corev1.Pod

	// Unknown are the fields of the Pod that podjson.Parse could not read into it.
	Unknown []podjson.UnknownField

	// StoredUnknown are those of the Pod as it is stored; nil for a creation.
	StoredUnknown []podjson.UnknownField
}

// Creator is who asks: the userInfo of an admission request.
type Creator struct {
	Username string
	Groups   []string
}

// Verdict is the outcome of a decision.
type Verdict string

const (
	// Ungoverned means that no policy speaks of the Pod: it passes untouched.
	Ungoverned Verdict = "ungoverned"
	// Allowed means that the Pod keeps every field that it was sent with. Others may be added.
	Allowed Verdict = "allowed"
	// Rewritten means that the Pod passes once the edits are made.
	Rewritten Verdict = "rewritten"
	// Refused means that no edit makes the Pod safe.
	Refused Verdict = "refused"
)

// Decision is what became of a Request.
type Decision struct {
	Verdict Verdict

	// Identity is whose sandbox the Pod is; zero where that was not found out.
	Identity policy.Identity

	// Edits make the Pod safe when they are applied in order. Empty unless the verdict is
	// Allowed or Rewritten.
	Edits []Edit

	// Violations are the reasons of a refusal, MaxViolations at the most. Empty unless the
	// verdict is Refused.
	Violations []Violation

	// More counts the violations beyond those listed.
	More int
}

// Edit is one RFC 6902 operation on the Pod as it was sent.
type Edit struct {
	// Op is "add", "replace" or "remove".
	Op string
	// Path is an RFC 6901 pointer to the one field that changes.
	Path string
	// Value is what the field becomes; nil for a removal.
	Value any
	// Warning tells the person who sent the Pod what was changed and why. Empty for what takes
	// nothing away from what was sent: Userscope's own stamps, and an fsGroupChangePolicy.
	Warning string
}

// Rule names a reason to refuse a Pod. The names are API: people search for them, and alerts
// count them.
type Rule string

// Violation is one reason why a Pod is refused.
type Violation struct {
	// Rule names the rule that is broken. Rule names are API.
	Rule Rule
	// Path is the offending field as Kubernetes writes it: spec.volumes[0].name.
	Path string
	// Value is what the field holds, for display; empty where a field is missing.
	Value string
	// Message says what is wrong and what to do about it.
	Message string
}
