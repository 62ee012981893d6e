package scope

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	podsecurity "k8s.io/pod-security-admission/api"
	checks "k8s.io/pod-security-admission/policy"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RulePodSecurity is the rule of this file.
const RulePodSecurity Rule = "pod-security"

// Refusals that the backstop words like the decision.
const (
	saysPodSecurity       = "is forbidden by the Pod Security baseline, and no policy may list it: drop it"
	saysNetworkCapability = "is forbidden by the Pod Security baseline: drop it, or have the policy list it in allow.capabilities"
)

var podSecurityRule = rule{
	ID:      RulePodSecurity,
	Summary: "What the Pod Security baseline forbids is refused.",
	Why: "A container that owns its node, because it is privileged, shares the node's namespaces or has a " +
		"strong capability, owns the data of every user on that node. The rule is [the baseline of " +
		"Kubernetes](https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline) in its " +
		"latest version that this build of Userscope knows, whatever labels the namespace has, without its " +
		"ban on hostPath volumes, for which Userscope has a rule of its own. Drop what the message names; " +
		"NET_ADMIN and NET_RAW, which service meshes need, may be listed by the policy " +
		"(`allow.capabilities`).",
	says:  map[string]string{"field": saysPodSecurity, "capability": saysNetworkCapability},
	check: (*review).checkPodSecurity,
}

// A sandbox that owns its node owns everyone's data. What the Pod Security baseline forbids is
// refused: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline.
// Its hostPath rule is left out, for the policy's own is finer.

// baseline evaluates the Pod Security baseline without its rule about hostPath volumes.
var baseline = newBaseline()

func newBaseline() checks.Evaluator {
	finer := slices.DeleteFunc(checks.DefaultChecks(), func(check checks.Check) bool { return check.ID == "hostPathVolumes" })
	evaluator, err := checks.NewEvaluator(finer, nil)
	if err != nil {
		panic(err) // the library's own checks, fixed at build time
	}
	return evaluator
}

// checkPodSecurity refuses what the baseline forbids, capabilities that the policy lists aside.
func (r *review) checkPodSecurity(p *policy.Policy) {
	spec := &r.pod.Spec
	if len(p.Allow.Capabilities) > 0 {
		spec = withoutCapabilities(r.pod, p.Allow.Capabilities)
	}
	level := podsecurity.LevelVersion{Level: podsecurity.LevelBaseline, Version: podsecurity.LatestVersion()}
	var listed []checks.CheckResult // the results if the policy listed all that a policy may
	for i, result := range baseline.EvaluatePod(level, &r.pod.ObjectMeta, spec) {
		if result.Allowed {
			continue
		}
		if listed == nil {
			listed = baseline.EvaluatePod(level, &r.pod.ObjectMeta, withoutCapabilities(r.pod, policy.NetworkCapabilities()))
		}
		says := saysPodSecurity
		if listed[i].Allowed {
			says = saysNetworkCapability
		}
		r.refuse(RulePodSecurity, podjson.Location{"spec"}, result.ForbiddenReason, says+"; "+podjson.Printable(result.ForbiddenDetail))
	}
}

// withoutCapabilities returns a copy of the Pod's spec that adds none of the listed
// capabilities.
func withoutCapabilities(pod *corev1.Pod, listed []string) *corev1.PodSpec {
	pod = pod.DeepCopy()
	for _, c := range containers(pod) {
		if c.SecurityContext != nil && c.SecurityContext.Capabilities != nil {
			c.SecurityContext.Capabilities.Add = slices.DeleteFunc(c.SecurityContext.Capabilities.Add,
				func(name corev1.Capability) bool { return slices.Contains(listed, string(name)) })
		}
	}
	return &pod.Spec
}
