package scope

// Rules returns every rule.
func Rules() []Rule {
	return []Rule{
		RuleIdentityMissing, RuleIdentityInvalid, RuleIdentityConflict, RuleIdentityUnproven,
		RuleSelectorMismatch, RuleControllerOwner, RuleStaticPod,
		RuleUserDataVolume, RuleClaimMount, RuleHostPath, RuleOtherClaim, RuleEphemeralVolume, RuleVolumeType, RuleUnknownField,
		RuleSecret, RuleServiceAccount, RuleServiceAccountToken, RuleVolumeDevice, RuleResourceClaim, RuleRuntimeClass,
		RuleFSGroup, RuleSELinuxOptions, RulePodSecurity,
		RuleImmutableField, RuleEphemeralContainer, RuleDeleteNotSandbox,
	}
}

// Identity reports whether the rule is about whose sandbox a Pod is.
func (r Rule) Identity() bool {
	switch r {
	case RuleIdentityMissing, RuleIdentityInvalid, RuleIdentityConflict, RuleIdentityUnproven:
		return true
	default:
		return false
	}
}
