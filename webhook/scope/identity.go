package scope

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// Identity is whose sandbox a Pod is.
type Identity struct {
	User string
	// Thread is empty where the layout does not divide a user's data by thread.
	Thread string
	// Source is where the identity was found: the less direct one, if its halves were
	// found in different places.
	Source Source
}

// Source is where an identity comes from.
type Source string

// The sources of an identity, the most direct first.
const (
	SourceLabel      Source = "label"
	SourceAnnotation Source = "annotation"
)

// String is the identity as people read it: alice/thread-1, or alice.
func (i Identity) String() string {
	if i.Thread == "" {
		return i.User
	}
	return i.User + "/" + i.Thread
}

// identify finds out whose sandbox the Pod is. Every mistake in a declaration is a violation,
// also where another source is fine: an identity is never repaired.
func (r *review) identify(policy *Policy) (Identity, bool) {
	user, userSource, ok := r.declared(policy.User, "user")
	id := Identity{User: user, Source: userSource}
	if !policy.Layout.needsThread() {
		return id, ok
	}
	thread, threadSource, threadOK := r.declared(policy.Thread, "thread")
	id.Thread = thread
	if threadSource == SourceAnnotation {
		id.Source = SourceAnnotation
	}
	return id, ok && threadOK
}

// declared reads one id from the label and the annotation of its key.
func (r *review) declared(rule IDRule, noun string) (id string, source Source, ok bool) {
	label, hasLabel := r.pod.Labels[rule.Key]
	annotation, hasAnnotation := r.pod.Annotations[rule.Key]
	labels, annotations := location{"metadata", "labels", mapKey(rule.Key)}, location{"metadata", "annotations", mapKey(rule.Key)}

	if !hasLabel && !hasAnnotation {
		r.refuse(IdentityMissing, labels, "", fmt.Sprintf(
			"no %s: set the label or, for an id that is no label value, the annotation %s to the sandbox's %s id", noun, rule.Key, noun))
		return "", "", false
	}
	ok = true
	for _, found := range []struct {
		present bool
		value   string
		at      location
	}{{hasLabel, label, labels}, {hasAnnotation, annotation, annotations}} {
		if !found.present {
			continue
		}
		if problem := rule.Check(found.value); problem != "" {
			r.refuse(IdentityInvalid, found.at, found.value, fmt.Sprintf("%s: set it to the %s id that the data belongs to", problem, noun))
			ok = false
		}
	}
	if hasLabel && hasAnnotation && label != annotation {
		r.refuse(IdentityConflict, annotations, annotation, fmt.Sprintf("the label of the same key says %s: set only one, or both alike", quote(label)))
		ok = false
	}
	if hasLabel {
		return label, SourceLabel, ok
	}
	return annotation, SourceAnnotation, ok
}

// references reports whether the Pod has anything of the policy's data, and so needs an
// identity.
func (p *Policy) references(pod *corev1.Pod) bool {
	for i := range pod.Spec.Volumes {
		if pod.Spec.Volumes[i].Name == p.UserDataVolume || p.isClaim(&pod.Spec.Volumes[i]) {
			return true
		}
	}
	return false
}
