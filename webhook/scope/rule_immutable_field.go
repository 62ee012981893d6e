package scope

import (
	"cmp"
	"slices"
	"strings"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleImmutableField is the rule of this file.
const RuleImmutableField Rule = "immutable-field"

var immutableFieldRule = rule{
	ID:      RuleImmutableField,
	Summary: "What says whose sandbox a Pod is cannot change while the Pod lives.",
	Why: "The mounts of a stored Pod are fixed, so changing the user, the thread, the sandbox id, whether the " +
		"selector matches, Userscope's marker `userscope.dev/policies` or its stamps would only make NetworkPolicies, " +
		"audits and later decisions take one user's sandbox for another's. Between values that the selector " +
		"lists, a label may change. On a Pod that was never judged, " +
		"neither the marker, the stamps nor labels that the selector matches can be added: the Pod would look judged, and a " +
		"provisioner could delete it. Nor can volumes, containers, mounts, devices or variables be added to a " +
		"sandbox, by versions of Kubernetes that let Pods grow. Create a new Pod instead. A provisioner may, once, give user and thread to a Pod " +
		"that has neither data nor an identity, as from a warm pool. Everything else may change, finalizers above " +
		"all, so no Pod is ever stuck because of Userscope.",
	update: (*review).checkImmutableField,
}

// No released API server lets a stored Pod's mounts change, so that an update lies about whose it is. On a
// marked Pod, the keys that say so are fixed, but for an identity that a Pod of nobody is given; on any
// other, neither the marker, the stamps nor the selector's labels can be added. Everything else passes,
// finalizers and deletion above all: Userscope never wedges a Pod.

// checkImmutableField judges what an update changes.
func (r *review) checkImmutableField(p *policy.Policy) {
	if isMarked(r.old) {
		r.checkKeysKept(p)
	} else {
		r.checkNotAdopted(p)
	}
}

// checkKeysKept refuses a change of what says whose sandbox a Pod is.
func (r *review) checkKeysKept(p *policy.Policy) {
	const remedy = "marks the Pod as the sandbox of its user, and cannot be added, changed or removed: create a new Pod instead"
	refuseLabel := func(key string) {
		r.refuse(RuleImmutableField, podjson.Location{"metadata", "labels", podjson.MapKey(key)}, r.pod.Labels[key], remedy)
	}
	if p.Selects(r.old.Labels) != p.Selects(r.pod.Labels) {
		for _, requirement := range p.Selector {
			if requirement.Matches(r.old.Labels) != requirement.Matches(r.pod.Labels) {
				refuseLabel(requirement.Key)
			}
		}
	}
	labels, annotations := []string{}, []string{policy.MarkerAnnotation}
	if !r.given {
		labels = p.IdentityKeys(policy.FromLabel)
		annotations = append(p.IdentityKeys(policy.FromAnnotation), annotations...)
	}
	if _, had := r.old.Labels[p.SandboxIDKey]; had || !r.given {
		labels = append(labels, p.SandboxIDKey)
	}
	for _, key := range labels {
		if !sameEntry(r.old.Labels, r.pod.Labels, key) {
			refuseLabel(key)
		}
	}
	for _, key := range annotations {
		if !sameEntry(r.old.Annotations, r.pod.Annotations, key) {
			r.refuse(RuleImmutableField, podjson.Location{"metadata", "annotations", podjson.MapKey(key)}, r.pod.Annotations[key], remedy)
		}
	}
}

// checkGivenStamp refuses a stamp that says something else than the identity that a Pod is given.
func (r *review) checkGivenStamp(key, id string) {
	check := func(place string, entries map[string]string) {
		if value, ok := entries[key]; ok && value != id {
			r.refuse(RuleImmutableField, podjson.Location{"metadata", place, podjson.MapKey(key)}, value,
				"is not of the identity that the Pod is given: leave it out, or set it to "+podjson.Quote(id))
		}
	}
	check("annotations", r.pod.Annotations)
	check("labels", r.pod.Labels)
}

// checkNotAdopted refuses to make a sandbox of a Pod that was not judged as one.
func (r *review) checkNotAdopted(p *policy.Policy) {
	const remedy = "would make a sandbox of a Pod that was not created as one: create a new Pod instead"
	unadded := func(place string, old, entries map[string]string, keys ...string) {
		for _, key := range keys {
			if value, ok := entries[key]; ok && !sameEntry(old, entries, key) {
				r.refuse(RuleImmutableField, podjson.Location{"metadata", place, podjson.MapKey(key)}, value, remedy)
			}
		}
	}
	unadded("annotations", r.old.Annotations, r.pod.Annotations, policy.MarkerAnnotation, policy.UserStamp, policy.ThreadStamp)
	unadded("labels", r.old.Labels, r.pod.Labels, policy.UserStamp, policy.ThreadStamp)
	if p.Selects(r.pod.Labels) && !p.Selects(r.old.Labels) {
		r.refuse(RuleImmutableField, podjson.Location{"metadata", "labels"}, p.Selector.String(), remedy)
	}
}

// judgeRespecified judges the volumes and containers of a stored Pod like those of a new one, but that none may be
// added. An update is not corrected: what a new Pod would need is refused.
func (r *review) judgeRespecified(req Request) {
	const remedy = "a running Pod is not corrected: create a new Pod instead"
	// What was judged stays a sandbox, whoever asks and whatever it has now.
	concerns := func(p *policy.Policy, req *Request) bool { return isSandbox(p, r.old) || governs(p, req) }
	governing := slices.Clone(r.governing)
	governing = slices.DeleteFunc(governing, func(p *policy.Policy) bool { return !concerns(p, &req) })
	if len(governing) == 0 {
		return
	}
	for _, a := range additions(r.pod, r.old) {
		r.refuse(RuleImmutableField, a.at, a.value, "cannot be added to a sandbox: create a new sandbox instead")
	}
	// Ephemeral containers have rules of their own.
	req.Pod = req.Pod.DeepCopy()
	req.Pod.Spec.EphemeralContainers = nil
	req.Pod.Spec.NodeName = "" // By now the scheduler has chosen a node, which no update can change.
	judged := judge(req, governing, concerns)
	r.adopt(judged.decision())
	var names []string
	for _, c := range req.Pod.Spec.Containers {
		names = append(names, c.Name)
	}
	at, value := podjson.Location{"spec", "containers"}, strings.Join(names, ", ")
	if !isMarked(r.old) {
		r.refuse(RuleImmutableField, at, value, "change what a Pod mounts that was not judged when it was created: create a new Pod instead")
		return
	}
	for _, edit := range judged.edits { // stamps, too: who has none has no data to mount
		text := cmp.Or(edit.Warning, podjson.Printable(edit.Path)+": is not as Userscope would stamp it")
		r.refuse(RuleImmutableField, at, value, text+": "+remedy)
	}
}
