package scope

import (
	"userscope.dev/userscope/webhook/policy"
)

// User data is what a mount of the claim shows at the policy's user-data path, and what shows the
// directory of old of the Pod's own thread, anywhere. Whatever such a mount asked for, it is given
// the identity's own directory.

// isUserData reports whether a mount of the claim shows user data.
func (r *review) isUserData(p *policy.Policy, m mount) bool {
	if containerPath(m.MountPath) == p.UserDataMountPath {
		return true
	}
	if m.SubPathExpr != "" {
		return false
	}
	clean, problem := cleanRelative(m.SubPath)
	if _, own := r.dirs.OnClaim(clean); own || problem != "" {
		return false
	}
	return r.dirs.IsLegacy(clean)
}

// scopeUserData points a user-data mount at the identity's own directory.
func (r *review) scopeUserData(m mount) {
	if m.SubPathExpr != "" {
		r.removeString(&m.SubPathExpr, m.at("subPathExpr"), "user data is mounted by its literal path")
	}
	r.setMountString(m, &m.SubPath, "subPath", r.dirs.UserData)
	r.setMountString(m, &m.MountPath, "mountPath", containerPath(m.MountPath))
}
