package scope

import (
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleConfigMap is the rule of this file.
const RuleConfigMap Rule = "config-map"

// saysConfigMap is a refusal that the backstop words like the decision.
const saysConfigMap = "is no ConfigMap for sandboxes: drop it, or have the policy list it in allow.configMaps"

// certificatesOfAll are ConfigMaps that API servers put into the Pods of every namespace: the plugin
// ServiceAccount does with the first, and OpenShift's with the second as well. Both hold public certificates.
var certificatesOfAll = []string{"kube-root-ca.crt", "openshift-service-ca.crt"}

// CertificatesOfAll returns the ConfigMaps that every Pod may have.
func CertificatesOfAll() []string { return slices.Clone(certificatesOfAll) }

var configMapRule = rule{
	ID:      RuleConfigMap,
	Summary: "Where the policy lists ConfigMaps, others are refused.",
	Why: "Whoever may create Pods can read every ConfigMap of the namespace through them: as a volume, in a projected " +
		"volume, or in the environment, that of an ephemeral container included. A platform's configuration may say " +
		"more than a sandbox should know. Without the list (`allow.configMaps`) all may be read, and an empty list admits " +
		"none. Those with the cluster's certificates, which API servers put into every Pod, always pass.",
	says:  map[string]string{"name": saysConfigMap},
	check: (*review).checkConfigMap,
	added: (*review).checkAddedConfigMap,
}

// checkConfigMap refuses ConfigMaps in volumes, projections and the environment.
func (r *review) checkConfigMap(p *policy.Policy) {
	if p.Allow.ConfigMaps == nil {
		return
	}
	for i := range r.pod.Spec.Volumes {
		volume := &r.pod.Spec.Volumes[i]
		if volume.ConfigMap != nil {
			r.refuseConfigMap(p, volume.ConfigMap.Name, volumeAt(i, "configMap", "name"))
		}
		for j, source := range projections(volume) {
			if source.ConfigMap != nil {
				r.refuseConfigMap(p, source.ConfigMap.Name, volumeAt(i, "projected", "sources", j, "configMap", "name"))
			}
		}
	}
	r.checkConfigMapVariables(p, containers(r.pod))
}

// checkAddedConfigMap refuses ConfigMaps in the environment of ephemeral containers that join a sandbox.
func (r *review) checkAddedConfigMap(p *policy.Policy) {
	if p.Allow.ConfigMaps != nil && isSandbox(p, r.old) {
		r.checkConfigMapVariables(p, r.judged)
	}
}

// checkConfigMapVariables refuses ConfigMaps in the environment of containers.
func (r *review) checkConfigMapVariables(p *policy.Policy, judged []container) {
	for _, c := range judged {
		for i, env := range c.Env {
			if env.ValueFrom != nil && env.ValueFrom.ConfigMapKeyRef != nil {
				r.refuseConfigMap(p, env.ValueFrom.ConfigMapKeyRef.Name, c.at("env", i, "valueFrom", "configMapKeyRef", "name"))
			}
		}
		for i, from := range c.EnvFrom {
			if from.ConfigMapRef != nil {
				r.refuseConfigMap(p, from.ConfigMapRef.Name, c.at("envFrom", i, "configMapRef", "name"))
			}
		}
	}
}

// refuseConfigMap refuses a ConfigMap that is not listed.
func (r *review) refuseConfigMap(p *policy.Policy, name string, at podjson.Location) {
	if !slices.Contains(p.Allow.ConfigMaps, name) && !slices.Contains(certificatesOfAll, name) {
		r.refuse(RuleConfigMap, at, name, saysConfigMap)
	}
}
