package scope

import (
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// checkUserDataVolume refuses a user-data volume that is not the claim.
func (r *review) checkUserDataVolume(policy *Policy) {
	for i := range r.pod.Spec.Volumes {
		volume := &r.pod.Spec.Volumes[i]
		if volume.Name != policy.UserDataVolume || policy.isClaim(volume) {
			continue
		}
		r.refuse(UserDataVolume, location{"spec", "volumes", i}, volume.Name,
			"is not the claim that holds the users' data: make it persistentVolumeClaim.claimName "+policy.Claim)
	}
}

// scopeUserData points every user-data mount at the identity's own directory, whatever it
// asked for.
func (r *review) scopeUserData(policy *Policy, id Identity) {
	for _, m := range mounts(r.pod) {
		if !policy.isUserData(r.pod, m) {
			continue
		}
		r.removeString(&m.SubPathExpr, m.at("subPathExpr"), "user data is mounted by its literal path")
		r.setString(&m.SubPath, m.at("subPath"), policy.Layout.userDataPath(id))
	}
}

// isUserData reports whether a mount shows user data: a mount of the claim at the user-data
// path, through a volume of any name, or a mount of the user-data volume anywhere.
func (p *Policy) isUserData(pod *corev1.Pod, m mount) bool {
	named := m.Name == p.UserDataVolume || containerPath(m.MountPath) == p.UserDataMountPath
	return named && p.mountsClaim(pod, m)
}

// mountsClaim reports whether the mount's volume is the claim. Should several volumes carry
// the name, which the API server refuses later, one is enough.
func (p *Policy) mountsClaim(pod *corev1.Pod, m mount) bool {
	for i := range pod.Spec.Volumes {
		if pod.Spec.Volumes[i].Name == m.Name && p.isClaim(&pod.Spec.Volumes[i]) {
			return true
		}
	}
	return false
}

// containerPath is the path in the container that a mountPath means: the kubelet takes a
// relative one as relative to the root, and the runtime cleans it.
func containerPath(mountPath string) string {
	return path.Clean("/" + strings.TrimLeft(mountPath, "/"))
}
