package policy

import (
	"slices"
	"strings"
)

// AnyValue permits every value of a label, where it stands alone in a list of allow.labels. No value of a label is like it.
const AnyValue = "*"

// IdentifyingPrefix begins the labels that Kubernetes recommends for telling programs apart.
const IdentifyingPrefix = "app.kubernetes.io/"

// IdentifyingLabels returns the keys, beside those of app.kubernetes.io, by which Services and controllers
// commonly select Pods.
func IdentifyingLabels() []string { return []string{"app", "release", "component"} }

// IsIdentifying reports whether Services and controllers commonly select Pods by a label.
func IsIdentifying(key string) bool {
	return strings.HasPrefix(key, IdentifyingPrefix) || slices.Contains(IdentifyingLabels(), key)
}

// ControllersLabels returns the labels that Deployments, DaemonSets and StatefulSets give to their Pods, and that
// their selectors look for: who wears them may be adopted.
func ControllersLabels() []string { return []string{"pod-template-hash", "controller-revision-hash"} }

// ControllersAnnotations returns the prefixes of the annotations by which Pods tell controllers and schedulers
// what to do with them, such as which to delete first.
func ControllersAnnotations() []string {
	return []string{"controller.kubernetes.io/", "scheduler.alpha.kubernetes.io/"}
}

// OwnLabels returns the keys of the labels that say that a Pod is a sandbox, and whose, be they read or not. Policies
// of one namespace agree on them.
func (p *Policy) OwnLabels() []string {
	keys := make([]string, 0, len(p.Selector)+5)
	for _, requirement := range p.Selector {
		keys = append(keys, requirement.Key)
	}
	return append(keys, p.User.Key, p.Thread.Key, p.SandboxIDKey, UserStamp, ThreadStamp)
}

// AllowsLabel reports whether a provisioner's Pod may have a label that is none of its own.
func (p *Policy) AllowsLabel(key, value string) bool {
	values := p.Allow.Labels[key]
	return slices.Contains(values, value) || slices.Contains(values, AnyValue)
}
