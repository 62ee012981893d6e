package scope

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/policy"
)

// governs reports whether the policy makes a sandbox of the Pod: because it wears the
// selector's labels, because a provisioner creates it, or because it references the claim
// and its creator is not exempt. Labels alone would not do: who writes the Pod writes them.
func governs(p *policy.Policy, req *Request) bool {
	return p.Selects(req.Pod.Labels) ||
		p.IsProvisioner(req.Creator.Username) ||
		governsForClaim(p, req.Creator, req.Pod)
}

// governsForClaim reports whether the Pod references the claim and its creator is not exempt.
func governsForClaim(p *policy.Policy, creator Creator, pod *corev1.Pod) bool {
	return referencesClaim(p, pod) && !p.Exempts(creator.Username, creator.Groups)
}

// concerns reports whether a policy of those that are there judges a new Pod.
func concerns(there policy.Policies, p *policy.Policy, req *Request) bool {
	return governs(p, req) || claimsToBeJudged(there, p, req.Pod)
}

// claimsToBeJudged reports whether a new Pod says of itself that the policy has judged it: the marker names it, or names
// none of the namespace, or there is a stamp and no marker. Later requests and people would believe that.
func claimsToBeJudged(there policy.Policies, p *policy.Policy, pod *corev1.Pod) bool {
	marker, marked := pod.Annotations[policy.MarkerAnnotation]
	if !marked && !isStamped(pod) {
		return false
	}
	names := strings.Split(marker, ",")
	return slices.Contains(names, p.Name) ||
		!slices.ContainsFunc(there, func(p *policy.Policy) bool { return slices.Contains(names, p.Name) })
}

// isStamped reports whether a Pod has a stamp.
func isStamped(pod *corev1.Pod) bool {
	return slices.ContainsFunc([]string{policy.UserStamp, policy.ThreadStamp}, func(key string) bool {
		_, inLabel := pod.Labels[key]
		_, inAnnotation := pod.Annotations[key]
		return inLabel || inAnnotation
	})
}

// referencesClaim reports whether a volume of the Pod is the claim, or a generic ephemeral
// Volume that could be a copy of it.
func referencesClaim(p *policy.Policy, pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.Volumes, func(volume corev1.Volume) bool {
		return isClaim(p, &volume) || hasDataSource(&volume)
	})
}

// hasDataSource reports whether the volume is a generic ephemeral one that starts with the
// contents of another volume or snapshot.
func hasDataSource(volume *corev1.Volume) bool {
	if volume.Ephemeral == nil || volume.Ephemeral.VolumeClaimTemplate == nil {
		return false
	}
	spec := &volume.Ephemeral.VolumeClaimTemplate.Spec
	return spec.DataSource != nil || spec.DataSourceRef != nil
}

// isSandbox reports whether a stored Pod was judged when it was created, or wears the
// selector's labels, as sandboxes do that are older than the installation.
func isSandbox(p *policy.Policy, pod *corev1.Pod) bool {
	return isMarked(pod) || p.Selects(pod.Labels)
}

// isMarked reports whether a stored Pod was judged when it was created.
func isMarked(pod *corev1.Pod) bool {
	_, marked := pod.Annotations[policy.MarkerAnnotation]
	return marked
}

// referencesData reports whether the Pod has anything of the policy's data, and so needs an
// identity.
func referencesData(p *policy.Policy, pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.Volumes, func(volume corev1.Volume) bool {
		return isClaim(p, &volume) || isPrivateHostPath(p, &volume)
	})
}
