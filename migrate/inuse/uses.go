package inuse

import (
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// uses tells how a Pod uses the policy's data; the empty string means that it does not.
func uses(p *policy.Policy, spec *corev1.PodSpec) string {
	for i := range spec.Volumes {
		volume := &spec.Volumes[i]
		switch {
		case volume.PersistentVolumeClaim != nil && volume.PersistentVolumeClaim.ClaimName == p.Claim:
			return fmt.Sprintf("its volume %q is the claim %s", volume.Name, p.Claim)
		case clones(volume.Ephemeral, p.Claim):
			return fmt.Sprintf("its volume %q is a clone of the claim %s", volume.Name, p.Claim)
		case volume.HostPath != nil && meets(p.HostPathBases, path.Clean(volume.HostPath.Path)):
			return fmt.Sprintf("its volume %q is the hostPath %s", volume.Name, volume.HostPath.Path)
		}
	}
	return ""
}

// clones reports whether a generic ephemeral volume starts as a copy of the claim, which is read
// when the volume is made.
func clones(ephemeral *corev1.EphemeralVolumeSource, claim string) bool {
	if ephemeral == nil || ephemeral.VolumeClaimTemplate == nil {
		return false
	}
	const kind = "PersistentVolumeClaim"
	from := ephemeral.VolumeClaimTemplate.Spec
	return from.DataSource != nil && from.DataSource.Kind == kind && from.DataSource.Name == claim ||
		from.DataSourceRef != nil && from.DataSourceRef.Kind == kind && from.DataSourceRef.Name == claim
}

// meets reports whether a path of the nodes is one of the bases, lies below one, or holds one.
func meets(bases []string, clean string) bool {
	for _, base := range bases {
		if within(clean, base) || within(base, clean) {
			return true
		}
	}
	return false
}

// within reports whether a path is a directory or lies below it.
func within(clean, dir string) bool {
	return clean == dir || strings.HasPrefix(clean, strings.TrimSuffix(dir, "/")+"/")
}
