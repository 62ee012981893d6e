package scope

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// An ephemeral container joins a running Pod, as kubectl debug does it. The API forbids it a
// subPath, so that a mount of the claim would be all of the claim. Only new containers are
// judged, and capabilities are not: kubectl debug adds SYS_PTRACE. A provisioner debugs only
// sandboxes: beside the gateway's processes it would see, in /proc, the gateway's files. Secrets are
// refused in sandboxes, as they are in a new one.

// AddEphemeralContainers judges a change of a Pod's ephemeral containers, from old to req.Pod.
// It governs sandboxes whoever asks, whatever a provisioner asks, and Pods with the claim
// unless the one who asks is exempt.
func AddEphemeralContainers(policies policy.Policies, req Request, old *corev1.Pod) Decision {
	r := &review{pod: req.Pod}
	for _, p := range policies.ForNamespace(req.Namespace) {
		if isSandbox(p, old) || governs(p, &req) {
			r.governing = append(r.governing, p)
		}
	}
	if len(r.governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	added := newEphemeralContainers(r.pod, old)
	for _, p := range r.governing {
		if p.IsProvisioner(req.Creator.Username) && !isSandbox(p, old) {
			r.refuseDebugger(p, added)
		}
		if isSandbox(p, old) {
			r.checkSecretVariables(p, added)
		}
	}
	r.checkEnvFiles(added)
	r.checkEphemeralContainers(added)
	return r.decision(policy.Identity{})
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
func (r *review) refuseDebugger(p *policy.Policy, added []container) {
	for _, c := range added {
		r.refuse(RuleEphemeralContainer, c.at("name"), c.Name,
			"joins a Pod that is no sandbox ("+labelsText(p.Selector)+"), and a provisioner debugs nothing else: use another user")
	}
}

// checkEphemeralContainers refuses mounts of persistent data, devices and privilege.
func (r *review) checkEphemeralContainers(added []container) {
	persistent := map[string]string{}
	for i := range r.pod.Spec.Volumes {
		if volume := &r.pod.Spec.Volumes[i]; volume.PersistentVolumeClaim != nil || volume.HostPath != nil {
			persistent[volume.Name] = volumeText(volume)
		}
	}
	for _, c := range added {
		for i, m := range c.VolumeMounts {
			if text, ok := persistent[m.Name]; ok {
				r.refuse(RuleEphemeralContainer, c.at("volumeMounts", i, "name"), m.Name, "shows all of "+podjson.Printable(text)+": debug without it")
			}
		}
		for i, device := range c.VolumeDevices {
			r.refuse(RuleEphemeralContainer, c.at("volumeDevices", i, "name"), device.Name, saysDebuggerDevice)
		}
		if c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged {
			r.refuse(RuleEphemeralContainer, c.at("securityContext", "privileged"), "true", saysDebuggerPrivilege)
		}
	}
}
