package scope

import "userscope.dev/userscope/webhook/policy"

// A block device reaches data below the filesystem, where no subPath holds.

// checkVolumeDevice refuses volumes as raw devices.
func (r *review) checkVolumeDevice(*policy.Policy) {
	for _, c := range containers(r.pod) {
		for i, device := range c.VolumeDevices {
			r.refuse(RuleVolumeDevice, c.at("volumeDevices", i, "name"), device.Name, saysVolumeDevice)
		}
	}
}
