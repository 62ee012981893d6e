package scope

import "userscope.dev/userscope/webhook/policy"

// RuleVolumeDevice is the rule of this file.
const RuleVolumeDevice Rule = "volume-device"

// saysVolumeDevice is a refusal that the backstop words like the decision.
const saysVolumeDevice = "is a raw device, which shows all of the volume: mount it as a directory"

// A block device reaches data below the filesystem, where no subPath holds.

// checkVolumeDevice refuses volumes as raw devices.
func (r *review) checkVolumeDevice(*policy.Policy) {
	for _, c := range containers(r.pod) {
		for i, device := range c.VolumeDevices {
			r.refuse(RuleVolumeDevice, c.at("volumeDevices", i, "name"), device.Name, saysVolumeDevice)
		}
	}
}
