package scope

import (
	"maps"
	"slices"

	"userscope.dev/userscope/webhook/policy"
)

// rules is the registry of all rules, in the order in which their checks are made. A rule stands in a
// file that is named after it: host-path in rule_host_path.go.
var rules = []rule{
	{
		ID:      RuleSelectorMismatch,
		Summary: "A Pod that a provisioner creates must wear the labels of the policy's selector.",
		before:  (*review).checkSelectorMismatch,
	},
	{
		ID:      RuleControllerOwner,
		Summary: "A provisioner's Pod must not be a controller's.",
		says:    map[string]string{"owner": saysOwned},
		before:  (*review).checkControllerOwner,
	},
	{
		ID:      RuleStaticPod,
		Summary: "A provisioner's Pod must not pretend to be a static Pod.",
		says:    map[string]string{"annotation": saysOwnedByKubelet},
		before:  (*review).checkStaticPod,
	},
	{
		ID:      RuleUserDataVolume,
		Summary: "Where the policy says `replaceUserData: false`, the user-data volume must be the claim.",
		says:    map[string]string{"source": saysNotTheClaim},
		before:  (*review).checkUserDataVolume,
	},
	{
		ID:       RuleIdentityInvalid,
		Summary:  "An id must be one or more of the characters A-Z, a-z, 0-9, _ and -.",
		Identity: true,
	},
	{
		ID:       RuleIdentityConflict,
		Summary:  "What names a Pod's user or thread must not name two.",
		Identity: true,
	},
	{
		ID:       RuleIdentityMissing,
		Summary:  "A Pod with data must say whose sandbox it is.",
		Identity: true,
	},
	{
		ID:       RuleIdentityUnproven,
		Summary:  "Whose sandbox a Pod is must be proved by its sandbox id.",
		Identity: true,
	},
	{
		ID:         RuleClaimMount,
		Summary:    "Of the claim, a sandbox may mount the policy's directories of its own user and thread, each exactly.",
		says:       map[string]string{"file": saysFileVariable},
		check:      (*review).checkClaimMount,
		containers: (*review).checkEnvFiles,
	},
	{
		ID:      RuleHostPath,
		Summary: "Of the node, a sandbox may mount its own directories below the policy's bases, and the paths that the policy lists.",
		says:    map[string]string{"path": saysHostPath, "type": saysNotADirectory},
		check:   (*review).checkHostPath,
	},
	{
		ID:      RuleOtherClaim,
		Summary: "Other claims are refused unless the policy lists them.",
		check:   (*review).checkOtherClaim,
	},
	{
		ID:      RuleVolumeType,
		Summary: "Volumes of types that are not known to be harmless are refused unless the policy lists the type.",
		says:    map[string]string{"type": saysVolumeType},
		check:   (*review).checkVolumeType,
	},
	{
		ID:      RuleEphemeralVolume,
		Summary: "A generic ephemeral volume must start empty.",
		check:   (*review).checkEphemeralVolume,
	},
	{
		ID:      RuleUnknownField,
		Summary: "Fields of volumes and of mounts that Userscope does not know are refused.",
		check:   (*review).checkUnknownField,
	},
	{
		ID:      RuleSecret,
		Summary: "Secrets are refused unless the policy lists them.",
		says:    map[string]string{"name": saysSecret},
		check:   (*review).checkSecret,
		added:   (*review).checkAddedSecret,
	},
	{
		ID:      RuleServiceAccount,
		Summary: "A sandbox runs as the ServiceAccount default, or as one that the policy lists.",
		says:    map[string]string{"name": saysServiceAccount},
		check:   (*review).checkServiceAccount,
	},
	{
		ID:      RuleServiceAccountToken,
		Summary: "The only token in a sandbox is the one that the API server adds itself, unless the policy lists its audience.",
		check:   (*review).checkServiceAccountToken,
	},
	{
		ID:      RuleVolumeDevice,
		Summary: "Raw block devices are refused.",
		says:    map[string]string{"device": saysVolumeDevice},
		check:   (*review).checkVolumeDevice,
	},
	{
		ID:      RuleResourceClaim,
		Summary: "Devices are refused unless the policy lists them: ResourceClaims, and extended resources, which are the names with a domain in `resources`.",
		says:    map[string]string{"claim": saysClaimedDevice, "resource": saysExtendedResource},
		check:   (*review).checkResourceClaim,
	},
	{
		ID:      RuleRuntimeClass,
		Summary: "A runtime class is refused unless the policy lists it.",
		says:    map[string]string{"name": saysRuntimeClass},
		check:   (*review).checkRuntimeClass,
	},
	{
		ID:      RuleFSGroup,
		Summary: "An fsGroup is refused unless it is the one that the policy names.",
		says:    map[string]string{"group": saysFSGroup},
		check:   (*review).checkFSGroup,
	},
	{
		ID:      RuleSELinuxOptions,
		Summary: "SELinux options are refused unless they are those that the policy names.",
		says:    map[string]string{"options": saysSELinuxOptions},
		check:   (*review).checkSELinuxOptions,
	},
	{
		ID:      RulePodSecurity,
		Summary: "What the Pod Security baseline forbids is refused.",
		says:    map[string]string{"field": saysPodSecurity},
		check:   (*review).checkPodSecurity,
	},
	{
		ID:      RuleImmutableField,
		Summary: "What says whose sandbox a Pod is cannot change while the Pod lives.",
		update:  (*review).checkImmutableField,
	},
	{
		ID:         RuleEphemeralContainer,
		Summary:    "An ephemeral container gets no claim, no hostPath and no device, and is not privileged; a provisioner adds one to sandboxes only.",
		says:       map[string]string{"device": saysDebuggerDevice, "privileged": saysDebuggerPrivilege},
		containers: (*review).checkEphemeralContainer,
		added:      (*review).checkDebugger,
	},
	{
		ID:      RuleDeleteNotSandbox,
		Summary: "A provisioner may delete only sandboxes.",
		delete:  (*review).checkDeleteNotSandbox,
	},
}

// check judges a Pod under one policy.
type check func(*review, *policy.Policy)

// rule is an entry of the registry.
type rule struct {
	ID Rule

	// Summary is the rule in one sentence, as docs/rules.md has it.
	Summary string

	// Identity marks the rules about whose sandbox a Pod is. identify makes their checks. A Pod that
	// breaks no other rule is invalid (422), any other is forbidden (403).
	Identity bool

	// says holds the refusals, or their beginnings, that the backstop words like the decision, by short names.
	says map[string]string

	// before judges a new Pod before its identity is known.
	before check
	// check judges a new Pod when its identity has been looked for.
	check check
	// containers judges, whatever the policies say, the containers that a request brings: those of a
	// new Pod, or the ephemeral containers that join a running Pod.
	containers func(*review)
	// added judges ephemeral containers that join a running Pod.
	added check
	// update judges a change of a stored Pod.
	update check
	// delete judges the deletion of a stored Pod.
	delete check
}

// Rule names a reason to refuse a Pod. The names are API: people search for them, and alerts
// count them.
type Rule string

// Rules returns every rule, in the order in which the rules are checked.
func Rules() []Rule {
	ids := make([]Rule, len(rules))
	for i := range rules {
		ids[i] = rules[i].ID
	}
	return ids
}

// Messages returns the refusals, or their beginnings, that the backstop words like the decision: by rule,
// and by a short name in it.
func Messages() map[Rule]map[string]string {
	all := map[Rule]map[string]string{}
	for i := range rules {
		if rules[i].says != nil {
			all[rules[i].ID] = maps.Clone(rules[i].says)
		}
	}
	return all
}

// Identity reports whether the rule is about whose sandbox a Pod is.
func (r Rule) Identity() bool { return entry(r).Identity }

// Summary is the rule in one sentence; empty for an unknown rule.
func (r Rule) Summary() string { return entry(r).Summary }

// entry returns what the registry says of a rule; the zero value for an unknown rule.
func entry(id Rule) rule {
	if i := slices.IndexFunc(rules, func(r rule) bool { return r.ID == id }); i >= 0 {
		return rules[i]
	}
	return rule{}
}

// run makes one kind of check of every rule, under each governing policy.
func (r *review) run(kind func(*rule) check) {
	for _, p := range r.governing {
		r.dirs = p.Layout.Tree(r.id, r.identified)
		for i := range rules {
			if judge := kind(&rules[i]); judge != nil {
				judge(r, p)
			}
		}
	}
}

// runContainers makes every rule's check of the containers that a request brings.
func (r *review) runContainers() {
	for i := range rules {
		if rules[i].containers != nil {
			rules[i].containers(r)
		}
	}
}
