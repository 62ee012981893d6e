package scope

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// An ephemeral container joins a running Pod, as kubectl debug does it. The API forbids it a
// subPath, so that a mount of the claim would be all of the claim. Only new containers are
// judged, and capabilities are not: kubectl debug adds SYS_PTRACE.

// AddEphemeralContainers judges a change of a Pod's ephemeral containers, from old to req.Pod.
// It governs sandboxes whoever asks, whatever a provisioner asks, and Pods with the claim
// unless the one who asks is exempt.
func (p Policies) AddEphemeralContainers(req Request, old *corev1.Pod) Decision {
	r := &review{pod: req.Pod}
	for _, policy := range p.forNamespace(req.Namespace) {
		if policy.isSandbox(old) || policy.governs(&req) {
			r.governing = append(r.governing, policy)
		}
	}
	if len(r.governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	r.checkEphemeralContainers(old)
	return r.decision(Identity{})
}

// checkEphemeralContainers judges the ephemeral containers that the old Pod does not have. A new
// Pod has no old one; the API server would not let it have any.
func (r *review) checkEphemeralContainers(old *corev1.Pod) {
	for _, c := range containers(r.pod) {
		if c.list == "ephemeralContainers" && !hasEphemeralContainer(old, c.Name) {
			r.checkEphemeralContainer(c)
		}
	}
}

// checkEphemeralContainer refuses mounts of persistent data, devices and privilege.
func (r *review) checkEphemeralContainer(c container) {
	const remedy = ": debug without it"
	for i, m := range c.VolumeMounts {
		for j := range r.pod.Spec.Volumes {
			volume := &r.pod.Spec.Volumes[j]
			if volume.Name == m.Name && (volume.PersistentVolumeClaim != nil || volume.HostPath != nil) {
				r.refuse(EphemeralContainer, c.at("volumeMounts", i, "name"), m.Name, "is "+printable(volumeText(volume))+" as a whole"+remedy)
			}
		}
	}
	for i, device := range c.VolumeDevices {
		r.refuse(EphemeralContainer, c.at("volumeDevices", i, "name"), device.Name, "is a volume as a raw device"+remedy)
	}
	if c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged {
		r.refuse(EphemeralContainer, c.at("securityContext", "privileged"), "true", "owns the node and everyone's data on it"+remedy)
	}
}

// hasEphemeralContainer reports whether the Pod has an ephemeral container of the name.
func hasEphemeralContainer(pod *corev1.Pod, name string) bool {
	return slices.ContainsFunc(pod.Spec.EphemeralContainers, func(c corev1.EphemeralContainer) bool { return c.Name == name })
}
