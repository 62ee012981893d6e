package scope

import "userscope.dev/userscope/webhook/policy"

// RuleVolumeDevice is the rule of this file.
const RuleVolumeDevice Rule = "volume-device"

// saysVolumeDevice is a refusal that the backstop words like the decision.
const saysVolumeDevice = "is a raw device, which shows all of the volume, and no policy may list it: mount it as a directory"

var volumeDeviceRule = rule{
	ID:      RuleVolumeDevice,
	Summary: "Raw block devices are refused.",
	Why: "A device has no subPath: as a device, a claim is all of its blocks, whoever's files they hold. " +
		"Mount the volume as a directory, or drop it. There is no setting that permits devices.",
	says:  map[string]string{"device": saysVolumeDevice},
	check: (*review).checkVolumeDevice,
}

// A block device reaches data below the filesystem, where no subPath holds.

// checkVolumeDevice refuses volumes as raw devices.
func (r *review) checkVolumeDevice(*policy.Policy) {
	for _, c := range containers(r.pod) {
		for i, device := range c.VolumeDevices {
			r.refuse(RuleVolumeDevice, c.at("volumeDevices", i, "name"), device.Name, saysVolumeDevice)
		}
	}
}
