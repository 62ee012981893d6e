package scope

import "userscope.dev/userscope/webhook/policy"

// User data is what a mount of the claim shows at the policy's user-data path, through a
// Volume of any name, and what the user-data volume shows anywhere else, unless its subPath
// is exactly another directory of the Pod's identity. Whatever such a mount asked for, it is
// given the identity's own directory.

// scopeUserData points every user-data mount of the claim at the identity's own directory.
func (r *review) scopeUserData(p *policy.Policy, ofClaim []mount) {
	for _, m := range ofClaim {
		if !isUserData(p, m, r.dirs) {
			continue
		}
		if m.SubPathExpr != "" {
			r.removeString(&m.SubPathExpr, m.at("subPathExpr"), "user data is mounted by its literal path")
		}
		r.setMountString(m, &m.SubPath, "subPath", r.dirs.UserData)
		r.setMountString(m, &m.MountPath, "mountPath", containerPath(m.MountPath))
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
