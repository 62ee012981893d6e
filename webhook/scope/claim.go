package scope

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// isClaim reports whether the volume is the policy's claim.
func isClaim(p *policy.Policy, volume *corev1.Volume) bool {
	return volume.PersistentVolumeClaim != nil && volume.PersistentVolumeClaim.ClaimName == p.Claim
}

// claimMounts returns the mounts whose volume is the claim. Should several volumes carry one name,
// which the API server refuses later, one that is the claim is enough.
func claimMounts(p *policy.Policy, pod *corev1.Pod) []mount {
	names := claimVolumes(p, pod)
	return slices.DeleteFunc(mounts(pod), func(m mount) bool { return !names[m.Name] })
}

// claimVolumes returns the names of the volumes that are the claim.
func claimVolumes(p *policy.Policy, pod *corev1.Pod) map[string]bool {
	names := map[string]bool{}
	for i := range pod.Spec.Volumes {
		if isClaim(p, &pod.Spec.Volumes[i]) {
			names[pod.Spec.Volumes[i].Name] = true
		}
	}
	return names
}

// cleanRelative returns the shortest spelling of a subPath, or the problem that it is not a
// path below the volume's root. A path with .. is a problem even if it comes back.
func cleanRelative(subPath string) (clean, problem string) {
	switch {
	case strings.HasPrefix(subPath, "/"):
		return "", "is absolute"
	case hasDotDot(subPath):
		return "", "contains .."
	}
	if clean = path.Clean(subPath); clean == "." {
		if subPath == "" {
			return "", "is missing, and so the mount shows the whole claim"
		}
		return "", "is the whole claim, with every user's data"
	}
	return clean, ""
}

// hasDotDot reports whether a path has a segment that leads upwards.
func hasDotDot(p string) bool {
	for segment := range strings.SplitSeq(p, "/") {
		if segment == ".." {
			return true
		}
	}
	return false
}

// containerPath is the path in the container that a mountPath means: the kubelet takes a
// relative one as relative to the root, and the runtime cleans it.
func containerPath(mountPath string) string {
	if !strings.HasPrefix(mountPath, "/") {
		mountPath = "/" + mountPath
	}
	return path.Clean(mountPath) // which copies nothing that is clean
}
