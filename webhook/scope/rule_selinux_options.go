package scope

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleSELinuxOptions is the rule of this file.
const RuleSELinuxOptions Rule = "selinux-options"

// saysSELinuxOptions is a refusal that the backstop words like the decision.
const saysSELinuxOptions = "would relabel files that others use: drop it, or have the policy name it in allow.seLinuxOptions"

var seLinuxOptionsRule = rule{
	ID:      RuleSELinuxOptions,
	Summary: "SELinux options are refused unless they are those that the policy names.",
	Why: "With SELinux options of its own a sandbox chooses the label of the files that it mounts, or of the " +
		"whole volume where the cluster mounts volumes with a label: files that others use too could be " +
		"taken from them or opened to them. Drop them, or have the policy name one set of options for all " +
		"sandboxes (`allow.seLinuxOptions`). This holds for the Pod and for each of its containers.",
	says:  map[string]string{"options": saysSELinuxOptions},
	check: (*review).checkSELinuxOptions,
}

// With seLinuxOptions the runtime relabels the mounted files, or the whole volume, every user's on it.
// Only the one value that the policy names may be set, which every sandbox shares.

// checkSELinuxOptions judges the options of the Pod and of its containers.
func (r *review) checkSELinuxOptions(p *policy.Policy) {
	if pod := r.pod.Spec.SecurityContext; pod != nil {
		r.refuseSELinuxOptions(p, pod.SELinuxOptions, podjson.Location{"spec", "securityContext"})
	}
	for _, c := range containers(r.pod) {
		if c.SecurityContext != nil {
			r.refuseSELinuxOptions(p, c.SecurityContext.SELinuxOptions, c.at("securityContext"))
		}
	}
}

func (r *review) refuseSELinuxOptions(p *policy.Policy, options *corev1.SELinuxOptions, at podjson.Location) {
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
