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

// saysPodSecurity is a refusal that the backstop words like the decision.
const saysPodSecurity = "is forbidden by the Pod Security baseline: drop it"

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
	for _, result := range baseline.EvaluatePod(level, &r.pod.ObjectMeta, spec) {
		if !result.Allowed {
			r.refuse(RulePodSecurity, podjson.Location{"spec"}, result.ForbiddenReason,
				saysPodSecurity+"; "+podjson.Printable(result.ForbiddenDetail))
		}
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
