package scope

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// A stored Pod's mounts never change, so that an update can only lie about whose it is. On a
// marked Pod, the keys that say so are fixed; on any other, neither the marker nor the
// selector's labels can be added. Everything else passes, finalizers and deletion above all:
// Userscope never wedges a Pod.

// Update judges a change of a stored Pod, from old to req.Pod.
func Update(p Policies, req Request, old *corev1.Pod) Decision {
	r := &review{pod: req.Pod, governing: p.ForNamespace(req.Namespace)}
	if len(r.governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	_, marked := old.Annotations[MarkerAnnotation]
	for _, policy := range r.governing {
		if marked {
			r.checkKeysKept(policy, old)
		} else {
			r.checkNotAdopted(policy, old)
		}
	}
	if !marked && len(r.violations) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	return r.decision(Identity{})
}

// checkKeysKept refuses a change of what says whose sandbox a Pod is.
func (r *review) checkKeysKept(policy *Policy, old *corev1.Pod) {
	const remedy = "marks the Pod as the sandbox of its user, and cannot be added, changed or removed: create a new Pod instead"
	labels := append(slices.Sorted(maps.Keys(policy.Selector)), policy.IdentityKeys()...)
	for _, key := range append(labels, policy.SandboxIDKey) {
		if !sameEntry(old.Labels, r.pod.Labels, key) {
			r.refuse(RuleImmutableField, Location{"metadata", "labels", MapKey(key)}, r.pod.Labels[key], remedy)
		}
	}
	for _, key := range append(policy.IdentityKeys(), MarkerAnnotation) {
		if !sameEntry(old.Annotations, r.pod.Annotations, key) {
			r.refuse(RuleImmutableField, Location{"metadata", "annotations", MapKey(key)}, r.pod.Annotations[key], remedy)
		}
	}
}

// checkNotAdopted refuses to make a sandbox of a Pod that was not judged as one.
func (r *review) checkNotAdopted(policy *Policy, old *corev1.Pod) {
	const remedy = "would make a sandbox of a Pod that was not created as one: create a new Pod instead"
	if !sameEntry(old.Annotations, r.pod.Annotations, MarkerAnnotation) {
		r.refuse(RuleImmutableField, Location{"metadata", "annotations", MapKey(MarkerAnnotation)}, r.pod.Annotations[MarkerAnnotation], remedy)
	}
	if policy.Selects(r.pod.Labels) && !policy.Selects(old.Labels) {
		r.refuse(RuleImmutableField, Location{"metadata", "labels"}, labelsText(policy.Selector), remedy)
	}
}

// sameEntry reports whether a key is in both maps with one value, or in neither.
func sameEntry(a, b map[string]string, key string) bool {
	valueA, inA := a[key]
	valueB, inB := b[key]
	return inA == inB && valueA == valueB
}
