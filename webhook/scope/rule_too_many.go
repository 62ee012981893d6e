package scope

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleTooMany is the rule of this file.
const RuleTooMany Rule = "too-many"

// saysTooMany begins a refusal that the backstop words like the decision.
const saysTooMany = "are more than the policy's bounds."

var tooManyRule = rule{
	ID:      RuleTooMany,
	Summary: "A sandbox has no more volumes, mounts, containers and variables than the policy's bounds.",
	Why: "API servers look at a Pod within a budget, and what they spend all others wait for. The bounds are far " +
		"above what real sandboxes have. Volumes count with the sources that are projected into them, mounts and " +
		"variables in all containers together; of a Pod with too many the backstop looks at nothing else.",
	says:   map[string]string{"bound": saysTooMany},
	before: (*review).checkTooMany,
}

// checkTooMany refuses a Pod with more of something than the policy's bounds. The backstop looks at all
// of it within the budget of an API server.
func (r *review) checkTooMany(p *policy.Policy) {
	volumes := len(r.pod.Spec.Volumes)
	for i := range r.pod.Spec.Volumes {
		volumes += len(projections(&r.pod.Spec.Volumes[i]))
	}
	mounts, environment := 0, 0
	for _, list := range [][]corev1.Container{r.pod.Spec.InitContainers, r.pod.Spec.Containers} {
		for i := range list {
			mounts += len(list[i].VolumeMounts)
			environment += len(list[i].Env) + len(list[i].EnvFrom)
		}
	}
	for _, bound := range []struct {
		name, at string
		has, may int
	}{
		{"volumes", "volumes", volumes, p.Bounds.Volumes},
		{"containers", "containers", len(r.pod.Spec.InitContainers) + len(r.pod.Spec.Containers), p.Bounds.Containers},
		{"mounts", "containers", mounts, p.Bounds.Mounts},
		{"environment", "containers", environment, p.Bounds.Environment},
	} {
		if bound.has > bound.may {
			r.refuse(RuleTooMany, podjson.Location{"spec", bound.at}, strconv.Itoa(bound.has),
				saysTooMany+bound.name+" ("+strconv.Itoa(bound.may)+"): use fewer, or raise the bound")
		}
	}
}
