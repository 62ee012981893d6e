package scope

import (
	"strconv"
	"strings"
)

// Rule names a reason to refuse a Pod. The names are API: people search for them, and alerts
// count them.
type Rule string

// The rules about whose sandbox a Pod is.
const (
	IdentityMissing  Rule = "identity-missing"
	IdentityInvalid  Rule = "identity-invalid"
	IdentityConflict Rule = "identity-conflict"
	IdentityUnproven Rule = "identity-unproven"
)

// The rules about what a Pod is and mounts.
const (
	SelectorMismatch    Rule = "selector-mismatch"
	ControllerOwner     Rule = "controller-owner"
	StaticPod           Rule = "static-pod"
	UserDataVolume      Rule = "user-data-volume"
	ClaimMount          Rule = "claim-mount"
	HostPath            Rule = "host-path"
	OtherClaim          Rule = "other-claim"
	EphemeralVolume     Rule = "ephemeral-volume"
	VolumeType          Rule = "volume-type"
	UnknownFieldRule    Rule = "unknown-field"
	Secret              Rule = "secret"
	ServiceAccount      Rule = "service-account"
	ServiceAccountToken Rule = "service-account-token"
	VolumeDevice        Rule = "volume-device"
	ResourceClaim       Rule = "resource-claim"
	RuntimeClass        Rule = "runtime-class"
	FSGroup             Rule = "fs-group"
	SELinuxOptions      Rule = "selinux-options"
	PodSecurity         Rule = "pod-security"
)

// The rules about operations other than creation.
const (
	ImmutableField     Rule = "immutable-field"
	EphemeralContainer Rule = "ephemeral-container"
	DeleteNotSandbox   Rule = "delete-not-sandbox"
)

// Rules returns every rule.
func Rules() []Rule {
	return []Rule{
		IdentityMissing, IdentityInvalid, IdentityConflict, IdentityUnproven,
		SelectorMismatch, ControllerOwner, StaticPod,
		UserDataVolume, ClaimMount, HostPath, OtherClaim, EphemeralVolume, VolumeType, UnknownFieldRule,
		Secret, ServiceAccount, ServiceAccountToken, VolumeDevice, ResourceClaim, RuntimeClass,
		FSGroup, SELinuxOptions, PodSecurity,
		ImmutableField, EphemeralContainer, DeleteNotSandbox,
	}
}

// Identity reports whether the rule is about whose sandbox a Pod is.
func (r Rule) Identity() bool {
	switch r {
	case IdentityMissing, IdentityInvalid, IdentityConflict, IdentityUnproven:
		return true
	default:
		return false
	}
}

// MaxViolations is how many violations a decision lists; it counts the rest.
const MaxViolations = 32

// decimal renders a number that a violation quotes.
func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// printable renders a text that may hold a stranger's words, in ASCII without control characters and,
// but for a … at its end, not too long, so that it can neither hide the rest of a message nor speak to a terminal.
func printable(text string) string {
	const most = 256
	var b strings.Builder
	for _, r := range text {
		if b.Len() >= most {
			return b.String() + "…"
		}
		if r >= ' ' && r <= '~' {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// quote renders a value that a stranger wrote, in ASCII and short enough to leave room for
// the rest of a message.
func quote(value string) string {
	const most = 128
	if len(value) > most {
		return strconv.QuoteToASCII(value[:most]) + "…"
	}
	return strconv.QuoteToASCII(value)
}
