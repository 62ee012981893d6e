package scope

import (
	"path"
	"slices"
	"strings"

	"userscope.dev/userscope/webhook/podjson"
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

// asksForOther tells which field of a user-data mount asks for another directory than the identity's own, or the one of
// old, and what the field holds. A hostPath volume that became the claim asks by its path, and by the mount's.
func (r *review) asksForOther(p *policy.Policy, m mount) (at podjson.Location, value string, other bool) {
	if m.SubPathExpr != "" {
		return m.at("subPathExpr"), m.SubPathExpr, true
	}
	for i := range r.sent.Spec.Volumes {
		volume := &r.sent.Spec.Volumes[i]
		if !r.replaced[i] || volume.Name != m.Name {
			continue
		}
		sent := volume.HostPath.Path
		clean := path.Clean(sent + "/" + m.SubPath)
		below := func(base string) bool {
			rest, ok := strings.CutPrefix(clean, base+"/")
			return ok && r.dirs.IsUserDataBelow(rest)
		}
		other = hasDotDot(sent) || hasDotDot(m.SubPath) || !slices.ContainsFunc(p.HostPathBases, below)
		return volumeAt(i, "hostPath", "path"), sent, other
	}
	clean, problem := cleanRelative(m.SubPath)
	return m.at("subPath"), m.SubPath, problem != "" || !r.dirs.IsUserData(clean)
}

// scopeUserData points a user-data mount at the identity's own directory.
func (r *review) scopeUserData(m mount) {
	if m.SubPathExpr != "" {
		r.removeString(&m.SubPathExpr, m.at("subPathExpr"), "user data is mounted by its literal path")
	}
	r.setMountString(m, &m.SubPath, "subPath", r.dirs.UserData)
	r.setMountString(m, &m.MountPath, "mountPath", containerPath(m.MountPath))
}
