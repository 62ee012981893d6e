package scope

import (
	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleUserDataVolume is the rule of this file.
const RuleUserDataVolume Rule = "user-data-volume"

// saysNotTheClaim is a refusal that the backstop words like the decision.
const saysNotTheClaim = "is not the claim that holds the users' data: make it the persistentVolumeClaim "

var userDataVolumeRule = rule{
	ID:      RuleUserDataVolume,
	Summary: "Where the policy says `replaceUserData: false`, the user-data volume must be the claim.",
	Why: "User data on anything but the claim is not divided by user: it is lost with the Pod, lies on one " +
		"node, or is shared by all who mount it. By default such a volume is replaced by the claim, whatever " +
		"it was, and its mounts are then given the user's own directory, which is how sandboxes of a " +
		"provisioner with hostPath volumes come to be divided by user. If the policy does not replace it, " +
		"make the volume the claim yourself.",
	says:   map[string]string{"source": saysNotTheClaim},
	before: (*review).checkUserDataVolume,
}

// checkUserDataVolume makes every user-data volume the claim, so that the Pods of a provisioner
// that uses hostPath volumes, keyed by thread alone to this day, are scoped too.
func (r *review) checkUserDataVolume(p *policy.Policy) {
	for i := range r.pod.Spec.Volumes {
		volume := &r.pod.Spec.Volumes[i]
		if volume.Name != p.UserDataVolume || isClaim(p, volume) && len(sources(volume)) == 1 {
			continue
		}
		at := podjson.Location{"spec", "volumes", i}
		if !p.ReplaceUserData {
			r.refuse(RuleUserDataVolume, at, volumeText(volume),
				saysNotTheClaim+p.Claim)
			continue
		}
		r.edits = append(r.edits, Edit{
			Op: "replace", Path: at.Pointer(),
			Value: map[string]any{"name": volume.Name, "persistentVolumeClaim": map[string]any{"claimName": p.Claim}},
			Warning: at.String() + ": " + podjson.Printable(volumeText(volume)) + " is now persistentVolumeClaim " + p.Claim +
				": user data lies on that claim",
		})
		volume.VolumeSource = corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: p.Claim}}
		r.replaced[i] = true
	}
}
