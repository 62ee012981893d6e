package scope

// Rule names a reason to refuse a Pod. The names are API: people search for them, and alerts
// count them.
type Rule string

// The rules about whose sandbox a Pod is.
const (
	RuleIdentityMissing  Rule = "identity-missing"
	RuleIdentityInvalid  Rule = "identity-invalid"
	RuleIdentityConflict Rule = "identity-conflict"
	RuleIdentityUnproven Rule = "identity-unproven"
)

// The rules about what a Pod is and mounts.
const (
	RuleSelectorMismatch    Rule = "selector-mismatch"
	RuleControllerOwner     Rule = "controller-owner"
	RuleStaticPod           Rule = "static-pod"
	RuleUserDataVolume      Rule = "user-data-volume"
	RuleClaimMount          Rule = "claim-mount"
	RuleHostPath            Rule = "host-path"
	RuleOtherClaim          Rule = "other-claim"
	RuleEphemeralVolume     Rule = "ephemeral-volume"
	RuleVolumeType          Rule = "volume-type"
	RuleUnknownField        Rule = "unknown-field"
	RuleSecret              Rule = "secret"
	RuleServiceAccount      Rule = "service-account"
	RuleServiceAccountToken Rule = "service-account-token"
	RuleVolumeDevice        Rule = "volume-device"
	RuleResourceClaim       Rule = "resource-claim"
	RuleRuntimeClass        Rule = "runtime-class"
	RuleFSGroup             Rule = "fs-group"
	RuleSELinuxOptions      Rule = "selinux-options"
	RulePodSecurity         Rule = "pod-security"
)

// The rules about operations other than creation.
const (
	RuleImmutableField     Rule = "immutable-field"
	RuleEphemeralContainer Rule = "ephemeral-container"
	RuleDeleteNotSandbox   Rule = "delete-not-sandbox"
)
