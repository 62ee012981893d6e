package scope

import (
	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// User data is what a mount of the claim shows at the policy's user-data path, through a
// Volume of any name, and what the user-data volume shows anywhere else, unless its subPath
// is exactly another directory of the Pod's identity. Whatever such a mount asked for, it is
// given the identity's own directory.

// replaceUserData makes every user-data volume the claim, so that the Pods of a provisioner
// that uses hostPath volumes, keyed by thread alone to this day, are scoped too.
func (r *review) replaceUserData(p *policy.Policy) {
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

// scopeUserData points every user-data mount at the identity's own directory.
func (r *review) scopeUserData(p *policy.Policy, dirs policy.Tree) {
	for _, m := range claimMounts(p, r.pod) {
		if !isUserData(p, m, dirs) {
			continue
		}
		r.removeString(&m.SubPathExpr, m.at("subPathExpr"), "user data is mounted by its literal path")
		r.setString(&m.SubPath, m.at("subPath"), dirs.UserData)
		r.setString(&m.MountPath, m.at("mountPath"), containerPath(m.MountPath))
	}
}

// isUserData reports whether a mount of the claim shows user data.
func isUserData(p *policy.Policy, m mount, dirs policy.Tree) bool {
	if containerPath(m.MountPath) == p.UserDataMountPath {
		return true
	}
	if m.Name != p.UserDataVolume {
		return false
	}
	clean, _ := cleanRelative(m.SubPath)
	_, another := dirs.OnClaim(clean)
	return m.SubPathExpr != "" || !another
}
