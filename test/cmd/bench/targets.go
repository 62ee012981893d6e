package main

import "slices"

// The targets' names.
const (
	none           = "none"
	floor          = "floor"
	webhook        = "webhook"
	installed      = "installed"
	backstopAlone  = "backstop"
	baseline       = "baseline"
	mutatingPolicy = "mutatingadmissionpolicy"
	unrelated      = "unrelated"
	unrelatedNone  = "unrelated-none"
)

// The namespaces, which differ in what judges the Pods that are created there.
const (
	namespaceNone           = "bench-none"
	namespaceFloor          = "bench-floor"
	namespaceWebhook        = "bench-webhook"
	namespaceInstalled      = "bench-installed"
	namespaceBackstop       = "bench-backstop"
	namespaceBaseline       = "bench-baseline"
	namespaceMutatingPolicy = "bench-mutating-policy"
)

// target is what is measured: a Pod, who creates it, and where.
type target struct {
	name string
	// description is what tables call it.
	description string
	// base is the target that differs in nothing but that nothing judges the Pod; empty for such a target.
	base      string
	namespace string
	user      string
	body      []byte
	// proof is a Pod by whose fate is seen that what judges the namespace does so, and nothing else.
	proof proof
}

// proof is a Pod and what has to become of it; user and namespace are the target's.
type proof struct {
	body  []byte
	holds func(status int, answer []byte) bool
}

// targetNames are the names of all targets.
func targetNames() []string {
	return []string{none, floor, webhook, installed, backstopAlone, baseline, mutatingPolicy, unrelatedNone, unrelated}
}

// selected are the named targets, all if none is named, and those that the others are compared with.
func selected(targets []target, names []string) []target {
	wanted := map[string]bool{none: true, floor: true}
	for _, t := range targets {
		if len(names) == 0 || slices.Contains(names, t.name) {
			wanted[t.name] = true
			wanted[t.base] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(targets), func(t target) bool { return !wanted[t.name] })
}
