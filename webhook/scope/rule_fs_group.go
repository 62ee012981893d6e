package scope

import (
	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleFSGroup is the rule of this file.
const RuleFSGroup Rule = "fs-group"

// saysFSGroup is a refusal that the backstop words like the decision.
const saysFSGroup = "would change the group and mode of every user's files: drop it, or have the policy name it in allow.fsGroup"

var fsGroupRule = rule{
	ID:      RuleFSGroup,
	Summary: "An fsGroup is refused unless it is the one that the policy names.",
	Why: "With an fsGroup the kubelet changes group and mode of the files of a volume, and it does so on the " +
		"whole volume, not below the subPath: a Pod's fsGroup has turned another user's private file (0600) " +
		"into one that a group can read and write (0660). Drop it, or have the policy name one value for all " +
		"sandboxes (`allow.fsGroup`); the change policy then becomes OnRootMismatch, which leaves a volume " +
		"alone whose root is as it should be.",
	says:  map[string]string{"group": saysFSGroup},
	check: (*review).checkFSGroup,
}

// With an fsGroup the kubelet changes group and mode of the files of a whole volume, every user's on
// it, not of the mounted directory alone. Only the one value that the policy names may be set, which
// every sandbox shares.

// checkFSGroup lets the policy's fsGroup pass, with the change policy that leaves a volume
// alone whose root is right already.
func (r *review) checkFSGroup(p *policy.Policy) {
	pod, at := r.pod.Spec.SecurityContext, podjson.Location{"spec", "securityContext"}
	if pod == nil || pod.FSGroup == nil {
		return
	}
	if p.Allow.FSGroup == nil || *p.Allow.FSGroup != *pod.FSGroup {
		r.refuse(RuleFSGroup, at.Child("fsGroup"), decimal(*pod.FSGroup), saysFSGroup)
		return
	}
	at, want := at.Child("fsGroupChangePolicy"), corev1.FSGroupChangeOnRootMismatch
	if pod.FSGroupChangePolicy == nil {
		// Most provisioners leave it out. To set it takes nothing from what was sent.
		r.edits = append(r.edits, Edit{Op: "add", Path: at.Pointer(), Value: string(want)})
		pod.FSGroupChangePolicy = &want
		return
	}
	r.setString((*string)(pod.FSGroupChangePolicy), at, string(want))
}
