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
	Summary: "Where the policy says `replaceUserData: false`, the user-data volume must be no hostPath.",
	Why: "User data on a node is seen on that node only, and nothing there divides it by user. By default a " +
		"hostPath volume with the user-data volume's name becomes the claim, and its mount at the user-data " +
		"path is then given the user's own directory. So sandboxes of a provisioner with hostPath volumes come " +
		"to be divided by user. If the policy does not replace it, make the volume the claim yourself. Other " +
		"sources are judged as in any other volume: an emptyDir stays one.",
	says:   map[string]string{"source": saysNotTheClaim},
	before: (*review).checkUserDataVolume,
}

// checkUserDataVolume makes the claim of a user-data volume that is a hostPath, so that the Pods of a
// provisioner that uses these, keyed by thread alone to this day, are scoped too.
func (r *review) checkUserDataVolume(p *policy.Policy) {
	for i := range r.pod.Spec.Volumes {
		volume := &r.pod.Spec.Volumes[i]
		if volume.Name != p.UserDataVolume || volume.HostPath == nil {
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
