package scope

// The refusals that the backstop words like the decision. The chart's facts have them by rule and name.
const (
	saysFileVariable      = "is read from the volume's root: use an emptyDir"
	saysOwned             = "would make the sandbox a controller's Pod: drop the reference"
	saysOwnedByKubelet    = "marks a Pod of the kubelet's own: drop it"
	saysNotTheClaim       = "is not the claim that holds the users' data: make it the persistentVolumeClaim "
	saysHostPath          = "is not a hostPath that this sandbox may have: use the claim, or have the policy list it"
	saysNotADirectory     = "is not a directory: use Directory or DirectoryOrCreate"
	saysVolumeType        = "is a volume type that sandboxes may not have: drop the volume, or have the policy list the type"
	saysSecret            = "is no Secret for sandboxes: drop it, or have the policy list it"
	saysServiceAccount    = "is a ServiceAccount that sandboxes may not run as: leave it out, or have the policy list it"
	saysVolumeDevice      = "is a raw device, which shows all of the volume: mount it as a directory"
	saysClaimedDevice     = "is a device that sandboxes may not claim: drop it, or have the policy list it"
	saysExtendedResource  = "asks for a device that is not listed: drop it, or have the policy list it"
	saysRuntimeClass      = "is a runtime that sandboxes may not choose: drop it, or have the policy list it"
	saysFSGroup           = "would change the group and mode of every user's files: drop it, or have the policy name it"
	saysSELinuxOptions    = "would relabel files that others use: drop it, or have the policy name it"
	saysPodSecurity       = "is forbidden by the Pod Security baseline: drop it"
	saysDebuggerDevice    = "is a volume as a raw device: debug without it"
	saysDebuggerPrivilege = "would own the node and everyone's data on it: debug without it"
)

// Messages returns the refusals, or their beginnings, that the backstop words like the decision: by rule,
// and by a short name in it.
func Messages() map[Rule]map[string]string {
	return map[Rule]map[string]string{
		RuleClaimMount:         {"file": saysFileVariable},
		RuleControllerOwner:    {"owner": saysOwned},
		RuleStaticPod:          {"annotation": saysOwnedByKubelet},
		RuleUserDataVolume:     {"source": saysNotTheClaim},
		RuleHostPath:           {"path": saysHostPath, "type": saysNotADirectory},
		RuleVolumeType:         {"type": saysVolumeType},
		RuleSecret:             {"name": saysSecret},
		RuleServiceAccount:     {"name": saysServiceAccount},
		RuleVolumeDevice:       {"device": saysVolumeDevice},
		RuleResourceClaim:      {"claim": saysClaimedDevice, "resource": saysExtendedResource},
		RuleRuntimeClass:       {"name": saysRuntimeClass},
		RuleFSGroup:            {"group": saysFSGroup},
		RuleSELinuxOptions:     {"options": saysSELinuxOptions},
		RulePodSecurity:        {"field": saysPodSecurity},
		RuleEphemeralContainer: {"device": saysDebuggerDevice, "privileged": saysDebuggerPrivilege},
	}
}
