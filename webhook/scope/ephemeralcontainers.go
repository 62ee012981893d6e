package scope

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// An ephemeral container joins a running Pod, as kubectl debug does it. The API forbids it a
// subPath, so that a mount of the claim would be all of the claim. Only new containers are
// judged, and capabilities are not: kubectl debug adds SYS_PTRACE. A provisioner debugs only
// sandboxes: beside the gateway's processes it would see, in /proc, the gateway's files. Secrets are
// refused in sandboxes, as they are in a new one.

// AddEphemeralContainers judges a change of a Pod's ephemeral containers, from old to req.Pod.
// It governs sandboxes whoever asks, whatever a provisioner asks, and Pods with the claim
// unless the one who asks is exempt.
func AddEphemeralContainers(p Policies, req Request, old *corev1.Pod) Decision {
	r := &review{pod: req.Pod}
	for _, policy := range p.ForNamespace(req.Namespace) {
		if isSandbox(policy, old) || governs(policy, &req) {
			r.governing = append(r.governing, policy)
		}
	}
	if len(r.governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	added := newEphemeralContainers(r.pod, old)
	for _, policy := range r.governing {
		if policy.IsProvisioner(req.Creator.Username) && !isSandbox(policy, old) {
			r.refuseDebugger(policy, added)
		}
		if isSandbox(policy, old) {
			r.checkSecretVariables(policy, added)
		}
	}
	r.checkEnvFiles(added)
	r.checkEphemeralContainers(added)
	return r.decision(Identity{})
}

// newEphemeralContainers returns the ephemeral containers of a Pod that the old one does not have. A
// new Pod has no old one; the API server would not let it have any.
func newEphemeralContainers(pod, old *corev1.Pod) []container {
	known := map[string]bool{}
	for i := range old.Spec.EphemeralContainers {
		known[old.Spec.EphemeralContainers[i].Name] = true
	}
	return slices.DeleteFunc(containers(pod), func(c container) bool {
		return c.list != "ephemeralContainers" || known[c.Name]
	})
}

// refuseDebugger refuses ephemeral containers in a Pod that is no sandbox.
func (r *review) refuseDebugger(policy *Policy, added []container) {
	for _, c := range added {
		r.refuse(RuleEphemeralContainer, c.at("name"), c.Name,
			"joins a Pod that is no sandbox ("+labelsText(policy.Selector)+"), and a provisioner debugs nothing else: use another user")
	}
}

// checkEphemeralContainers refuses mounts of persistent data, devices and privilege.
func (r *review) checkEphemeralContainers(added []container) {
	const remedy = ": debug without it"
	persistent := map[string]string{}
	for i := range r.pod.Spec.Volumes {
		if volume := &r.pod.Spec.Volumes[i]; volume.PersistentVolumeClaim != nil || volume.HostPath != nil {
			persistent[volume.Name] = volumeText(volume)
		}
	}
	for _, c := range added {
		for i, m := range c.VolumeMounts {
			if text, ok := persistent[m.Name]; ok {
				r.refuse(RuleEphemeralContainer, c.at("volumeMounts", i, "name"), m.Name, "shows all of "+Printable(text)+remedy)
			}
		}
		for i, device := range c.VolumeDevices {
			r.refuse(RuleEphemeralContainer, c.at("volumeDevices", i, "name"), device.Name, "is a volume as a raw device"+remedy)
		}
		if c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged {
			r.refuse(RuleEphemeralContainer, c.at("securityContext", "privileged"), "true", "would own the node and everyone's data on it"+remedy)
		}
	}
}
