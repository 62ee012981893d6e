package oracle

import "slices"

// devices is I3 for devices. No sandbox has one: what a device reaches, no path limits.
func (j *judgement) devices() {
	for _, c := range containers(j.pod, everyone) {
		for _, device := range children(c.object, "volumeDevices") {
			j.condemn("I3", "%s has volume %q as a device", c.where, text(device, "name"))
		}
	}
}

// ephemeralContainers is I3 for containers that can be added to a running Pod. They have no
// subPath, so that what they mount they mount whole.
func (j *judgement) ephemeralContainers() {
	for _, c := range containers(j.pod, []string{"ephemeralContainers"}) {
		j.ephemeralContainer(c)
	}
}

// ephemeralContainer judges one ephemeral container by the volumes of its Pod.
func (j *judgement) ephemeralContainer(c container) {
	for _, mount := range append(children(c.object, "volumeMounts"), children(c.object, "volumeDevices")...) {
		name := text(mount, "name")
		for _, volume := range volumes(j.pod) {
			if text(volume, "name") == name && (present(volume, "persistentVolumeClaim") || present(volume, "hostPath")) {
				j.condemn("I3", "%s mounts volume %q", c.where, name)
			}
		}
	}
	if flag(child(c.object, "securityContext"), "privileged") {
		j.condemn("I3", "%s is privileged", c.where)
	}
}

// clone is I3 for volumes that are made for the Pod: whatever they can be made from may be the
// claim, or a snapshot of it.
func (j *judgement) clone(volume object) {
	template := child(volume, "ephemeral", "volumeClaimTemplate", "spec")
	for _, key := range []string{"selector", "dataSource", "dataSourceRef"} {
		if present(template, key) {
			j.condemn("I3", "the ephemeral volume %q has a %s", text(volume, "name"), key)
		}
	}
	if text(template, "volumeName") != "" {
		j.condemn("I3", "the ephemeral volume %q asks for volume %q", text(volume, "name"), text(template, "volumeName"))
	}
	if template == nil {
		return
	}
	// Of no class may be what somebody left behind, and annotations speak to the storage behind it.
	if !slices.Contains(j.policy.Allowed.StorageClasses, text(template, "storageClassName")) {
		j.condemn("I3", "the ephemeral volume %q has the storage class %q, which is not listed", text(volume, "name"), text(template, "storageClassName"))
	}
	if annotations := child(volume, "ephemeral", "volumeClaimTemplate", "metadata", "annotations"); len(annotations) > 0 {
		j.condemn("I3", "the ephemeral volume %q has annotations", text(volume, "name"))
	}
}
