package load

import (
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"userscope.dev/userscope/webhook/policy"
)

// MaxPriority is the highest value of a PriorityClass that is not the system's:
// scheduling.HighestUserDefinablePriority of Kubernetes.
const MaxPriority = 1_000_000_000

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
		if !slices.Contains(policy.NetworkCapabilities(), name) {
			c.mistakes = append(c.mistakes, field.NotSupported(at.Child("capabilities").Index(i), name, policy.NetworkCapabilities()))
		}
	}
	for i, kind := range allow.ControllerOwners {
		if kind != "" && !policy.MayOwn(kind) {
			c.invalid(at.Child("controllerOwners").Index(i), kind, "must be a kind and its group, such as Sandbox.agents.x-k8s.io; no group without a dot, and no %s can be listed",
				strings.Join(policy.WorkloadKinds(), ", "))
		}
	}
	hostnames := []policy.HostnameField{policy.Hostname, policy.Subdomain, policy.SetHostnameAsFQDN, policy.HostnameOverride}
	for i, name := range allow.Hostnames {
		switch at := at.Child("hostnames").Index(i); {
		case !slices.Contains(hostnames, name):
			c.mistakes = append(c.mistakes, field.NotSupported(at, name, hostnames))
		case slices.Contains(allow.Hostnames[:i], name):
			c.mistakes = append(c.mistakes, field.Duplicate(at, name))
		}
	}
	c.objects(at.Child("imagePullSecrets"), allow.ImagePullSecrets)
	c.objects(at.Child("configMaps"), allow.ConfigMaps)
	c.objects(at.Child("storageClasses"), allow.StorageClasses)
	if group := allow.FSGroup; group != nil {
		for _, problem := range validation.IsValidGroupID(*group) {
			c.invalid(at.Child("fsGroup"), *group, "%s", problem)
		}
	}
	if options := allow.SELinuxOptions; options != nil && (options.User != "" || options.Role != "") {
		c.invalid(at.Child("seLinuxOptions"), *options, "must not set user or role: the Pod Security baseline forbids both")
	}
	if priority := allow.MaxPriority; priority < 0 || priority > MaxPriority {
		c.invalid(at.Child("maxPriority"), priority, "must be between 0 and %d: what is above is the system's", MaxPriority)
	}
	c.tolerations(at.Child("tolerations"), allow.Tolerations)
	c.labels(at.Child("labels"), allow.Labels)
	c.annotations(at.Child("annotations"), allow.Annotations)
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

// objects checks names of objects of the API. That each is there once, allow checks of all lists.
func (c *compiler) objects(at *field.Path, names []string) {
	for i, name := range names {
		if name == "" {
			continue
		}
		for _, problem := range validation.IsDNS1123Subdomain(name) {
			c.invalid(at.Index(i), name, "%s", problem)
		}
	}
}

// tolerations checks what the API server would refuse in a Pod, and what no rule looks at.
func (c *compiler) tolerations(at *field.Path, tolerations []corev1.Toleration) {
	for i, toleration := range tolerations {
		at := at.Index(i)
		exists := toleration.Operator == corev1.TolerationOpExists
		switch {
		case toleration.Operator != "" && toleration.Operator != corev1.TolerationOpEqual && !exists:
			c.mistakes = append(c.mistakes, field.NotSupported(at.Child("operator"), toleration.Operator,
				[]corev1.TolerationOperator{corev1.TolerationOpEqual, corev1.TolerationOpExists}))
		case toleration.Key == "" && !exists:
			c.invalid(at.Child("operator"), toleration.Operator, "must be Exists where there is no key, which is every key")
		case toleration.Value != "" && exists:
			c.invalid(at.Child("value"), toleration.Value, "must be left out with the operator Exists")
		}
		if toleration.Key != "" {
			c.mistakes = append(c.mistakes, metavalidation.ValidateLabelName(toleration.Key, at.Child("key"))...)
		}
		for _, problem := range validation.IsValidLabelValue(toleration.Value) {
			c.invalid(at.Child("value"), toleration.Value, "%s", problem)
		}
		if toleration.Effect != "" && toleration.Effect != corev1.TaintEffectNoExecute {
			c.invalid(at.Child("effect"), toleration.Effect, "must be NoExecute, or left out for every effect: no other is refused")
		}
		if toleration.TolerationSeconds != nil && toleration.Effect != corev1.TaintEffectNoExecute {
			c.invalid(at.Child("tolerationSeconds"), *toleration.TolerationSeconds, "must be left out without the effect NoExecute")
		}
		if slices.ContainsFunc(tolerations[:i], func(other corev1.Toleration) bool { return reflect.DeepEqual(other, toleration) }) {
			c.mistakes = append(c.mistakes, field.Duplicate(at, toleration))
		}
	}
}
