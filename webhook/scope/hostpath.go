package scope

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// isPrivateHostPath reports whether the volume lies below a base without being shared, so that
// it is somebody's.
func isPrivateHostPath(p *policy.Policy, volume *corev1.Volume) bool {
	if volume.HostPath == nil {
		return false
	}
	clean := path.Clean(volume.HostPath.Path)
	return slices.ContainsFunc(p.HostPathBases, func(base string) bool {
		below, ok := strings.CutPrefix(clean, base+"/")
		return ok && !p.Layout.IsShared(below)
	})
}
