package scope

import "strconv"

// Rule names a reason to refuse a Pod. The names are API: people search for them, and alerts
// count them.
type Rule string

// The rules about whose sandbox a Pod is.
const (
	IdentityMissing  Rule = "identity-missing"
	IdentityInvalid  Rule = "identity-invalid"
	IdentityConflict Rule = "identity-conflict"
)

// The rules about what a Pod is and mounts.
const (
	SelectorMismatch Rule = "selector-mismatch"
	UserDataVolume   Rule = "user-data-volume"
)

// Rules returns every rule.
func Rules() []Rule {
	return []Rule{IdentityMissing, IdentityInvalid, IdentityConflict, SelectorMismatch, UserDataVolume}
}

// Identity reports whether the rule is about whose sandbox a Pod is.
func (r Rule) Identity() bool {
	switch r {
	case IdentityMissing, IdentityInvalid, IdentityConflict:
		return true
	default:
		return false
	}
}

// MaxViolations is how many violations a decision lists; it counts the rest.
const MaxViolations = 32

// quote renders a value that a stranger wrote, in ASCII and short enough to leave room for
// the rest of a message.
func quote(value string) string {
	const most = 128
	if len(value) > most {
		return strconv.QuoteToASCII(value[:most]) + "…"
	}
	return strconv.QuoteToASCII(value)
}
