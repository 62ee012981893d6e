package scope

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// With an fsGroup the kubelet changes group and mode of the files of a whole volume, every user's
// on it, not of the mounted directory alone; with seLinuxOptions the runtime relabels what is
// mounted, or the whole volume. Only the one value that the policy names may be set, which every
// sandbox shares.

// checkVolumeOwnership judges fsGroup and seLinuxOptions.
func (r *review) checkVolumeOwnership(p *policy.Policy) {
	if pod := r.pod.Spec.SecurityContext; pod != nil {
		at := podjson.Location{"spec", "securityContext"}
		r.checkFSGroup(p, pod, at)
		r.checkSELinux(p, pod.SELinuxOptions, at)
	}
	for _, c := range containers(r.pod) {
		if c.SecurityContext != nil {
			r.checkSELinux(p, c.SecurityContext.SELinuxOptions, c.at("securityContext"))
		}
	}
}

// checkFSGroup lets the policy's fsGroup pass, with the change policy that leaves a volume
// alone whose root is right already.
func (r *review) checkFSGroup(p *policy.Policy, pod *corev1.PodSecurityContext, at podjson.Location) {
	if pod.FSGroup == nil {
		return
	}
	if p.Allow.FSGroup == nil || *p.Allow.FSGroup != *pod.FSGroup {
		r.refuse(RuleFSGroup, at.Child("fsGroup"), decimal(*pod.FSGroup), saysFSGroup)
		return
	}
	if pod.FSGroupChangePolicy == nil {
		pod.FSGroupChangePolicy = new(corev1.PodFSGroupChangePolicy(""))
	}
	r.setString((*string)(pod.FSGroupChangePolicy), at.Child("fsGroupChangePolicy"), string(corev1.FSGroupChangeOnRootMismatch))
}

func (r *review) checkSELinux(p *policy.Policy, options *corev1.SELinuxOptions, at podjson.Location) {
	if options == nil || p.Allow.SELinuxOptions != nil && *p.Allow.SELinuxOptions == *options {
		return
	}
	r.refuse(RuleSELinuxOptions, at.Child("seLinuxOptions"), selinuxText(options), saysSELinuxOptions)
}

// selinuxText names the SELinux options that are set.
func selinuxText(options *corev1.SELinuxOptions) string {
	var set []string
	for _, option := range []struct{ name, value string }{
		{"user", options.User}, {"role", options.Role}, {"type", options.Type}, {"level", options.Level},
	} {
		if option.value != "" {
			set = append(set, option.name+"="+option.value)
		}
	}
	return strings.Join(set, ",")
}
