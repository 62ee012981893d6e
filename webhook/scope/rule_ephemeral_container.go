package scope

import (
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleEphemeralContainer is the rule of this file.
const RuleEphemeralContainer Rule = "ephemeral-container"

// Refusals that the backstop words like the decision.
const (
	saysDebuggerDevice    = "is a volume as a raw device: debug without it"
	saysDebuggerPrivilege = "would own the node and everyone's data on it: debug without it"
)

var ephemeralContainerRule = rule{
	ID:      RuleEphemeralContainer,
	Summary: "An ephemeral container gets no claim, no hostPath and no device, and is not privileged; a provisioner adds one to sandboxes only.",
	Why: "The API forbids an ephemeral container to have a subPath, so a mount of the claim would be the " +
		"whole claim, with every user's data, for whoever debugs one sandbox. The rule holds for sandboxes " +
		"whoever asks, cluster admins included, and for other Pods with the claim unless the person is " +
		"exempt. Debug without the mount: `kubectl debug` with its default profile is permitted. A " +
		"provisioner has no business in other Pods: beside the gateway's processes it would see the " +
		"gateway's files without any mount. Whoever else may debug a Pod or run commands in it can see what " +
		"its own containers see; whether a person may do that is up to RBAC.",
	says:       map[string]string{"device": saysDebuggerDevice, "privileged": saysDebuggerPrivilege},
	containers: (*review).checkEphemeralContainer,
	added:      (*review).checkDebugger,
}

// An ephemeral container joins a running Pod, as kubectl debug does it. The API forbids it a
// subPath, so that a mount of the claim would be all of the claim. Only new containers are
// judged, and capabilities are not: kubectl debug adds SYS_PTRACE. A provisioner debugs only
// sandboxes: beside the gateway's processes it would see, in /proc, the gateway's files. Secrets are
// refused in sandboxes, as they are in a new one.

// checkDebugger refuses a provisioner's ephemeral containers in a Pod that is no sandbox.
func (r *review) checkDebugger(p *policy.Policy) {
	if !p.IsProvisioner(r.creator.Username) || isSandbox(p, r.old) {
		return
	}
	for _, c := range r.judged {
		r.refuse(RuleEphemeralContainer, c.at("name"), c.Name,
			"joins a Pod that is no sandbox ("+p.Selector.String()+"), and a provisioner debugs nothing else: use another user")
	}
}

// checkEphemeralContainer refuses mounts of persistent data, devices and privilege.
func (r *review) checkEphemeralContainer() {
	debuggers := slices.DeleteFunc(slices.Clone(r.judged), func(c container) bool { return c.list != ephemeralContainers })
	if len(debuggers) == 0 {
		return
	}
	persistent := map[string]string{}
	for i := range r.pod.Spec.Volumes {
		if volume := &r.pod.Spec.Volumes[i]; volume.PersistentVolumeClaim != nil || volume.HostPath != nil {
			persistent[volume.Name] = volumeText(volume)
		}
	}
	for _, c := range debuggers {
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
