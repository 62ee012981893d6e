package load

import (
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"userscope.dev/userscope/webhook/policy"
)

// allow checks the lists of what else a sandbox may have. A list that is new in policy.Allow is among them.
func (c *compiler) allow(at *field.Path, allow policy.Allow) policy.Allow {
	for i, name := range allow.VolumeTypes {
		switch {
		case name == "csi":
			c.invalid(at.Child("volumeTypes").Index(i), name, "cannot be listed as a whole: list the drivers by name in csiDrivers")
		case slices.Contains(policy.JudgedVolumeTypes(), name):
			c.invalid(at.Child("volumeTypes").Index(i), name, "cannot be listed as a whole: list the hostPaths, claims, secrets or tokenAudiences")
		}
	}
	for i, name := range allow.Capabilities {
		if !slices.Contains(networkCapabilities, name) {
			c.mistakes = append(c.mistakes, field.NotSupported(at.Child("capabilities").Index(i), name, networkCapabilities))
		}
	}
	for i, kind := range allow.ControllerOwners {
		if kind != "" && !policy.MayOwn(kind) {
			c.invalid(at.Child("controllerOwners").Index(i), kind, "must be a kind and its group, such as Sandbox.agents.x-k8s.io; no group without a dot, and no %s can be listed",
				strings.Join(policy.WorkloadKinds(), ", "))
		}
	}
	if group := allow.FSGroup; group != nil {
		for _, problem := range validation.IsValidGroupID(*group) {
			c.invalid(at.Child("fsGroup"), *group, "%s", problem)
		}
	}
	if options := allow.SELinuxOptions; options != nil && (options.User != "" || options.Role != "") {
		c.invalid(at.Child("seLinuxOptions"), *options, "must not set user or role: the Pod Security baseline forbids both")
	}
	c.hostPaths(at.Child("hostPaths"), allow.HostPaths)
	lists := reflect.ValueOf(allow)
	for i := range lists.NumField() {
		name, _, _ := strings.Cut(lists.Type().Field(i).Tag.Get("json"), ",")
		if list, ok := lists.Field(i).Interface().([]string); ok && name != "hostPaths" {
			c.list(at.Child(name), list)
		}
	}
	return allow
}
