package scope

import (
	"cmp"
	"fmt"
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// claimed is one half of an identity as it was found; the zero value means that it was not.
type claimed struct {
	id     string
	source policy.Source
	rival  string // another id that the Pod's mounts spell, to its harm
}

func (c claimed) found() bool { return c.source != "" }

// identify finds out whose sandbox the Pod is: user and thread each from the first source that
// names them, and both proved as the policy asks. Every mistake in a declaration is a violation,
// also where another source is fine, for an identity is never repaired. Of identities that
// contradict each other one that is not proved is named. A Pod with neither data nor a
// declaration needs no identity. The boolean tells whether there is a whole one.
func (r *review) identify() (policy.Identity, bool) {
	p := r.governing[0] // policies that meet agree on everything below
	concerned := slices.DeleteFunc(slices.Clone(r.governing), func(p *policy.Policy) bool { return !r.referencesData(p) })
	hasData := len(concerned) > 0
	if !hasData {
		concerned = r.governing
	}
	hasThreads := func(p *policy.Policy) bool { return p.Layout.NeedsThread() }
	needsThread := slices.ContainsFunc(concerned, hasThreads)

	spelled := r.spellings()
	user, userOK := r.find("user", spelled, func(p *policy.Policy) policy.IDRule { return p.User }, func(i policy.Identity) string { return i.User })
	thread, threadOK := claimed{}, true
	if with := slices.IndexFunc(r.governing, hasThreads); with >= 0 {
		ruleOf := func(p *policy.Policy) policy.IDRule {
			if !hasThreads(p) { // it has no say in what a thread is
				p = r.governing[with]
			}
			return p.Thread
		}
		thread, threadOK = r.find("thread", spelled, ruleOf, func(i policy.Identity) string { return i.Thread })
	}
	if userOK && threadOK && !user.found() && !thread.found() && !hasData {
		return policy.Identity{}, false
	}
	if userOK && !user.found() && thread.found() && p.DefaultUser != "" {
		user = claimed{id: p.DefaultUser, source: policy.SourceDefault}
	}
	if userOK && !user.found() {
		if thread.source == policy.SourceSubPath && p.Proof != policy.ProofAlways {
			r.refuse(RuleIdentityMissing, podjson.Location{"metadata", "labels", podjson.MapKey(p.User.Key)}, "",
				"no user, only a thread's directory (DeerFlow to 2026-05): set this label, an annotation with the same key, or the policy's defaultUser")
		} else {
			r.refuseMissing(p.User.Key, "user")
		}
	}
	if threadOK && needsThread && !thread.found() {
		r.refuseMissing(p.Thread.Key, "thread")
	}
	if !user.found() || needsThread && !thread.found() {
		return policy.Identity{}, false
	}
	id := policy.Identity{User: user.id, Thread: thread.id, Source: policy.LessDirect(user.source, thread.source)}
	proved := r.checkIdentityUnproven(p, id)
	if userOK && threadOK {
		return id, proved
	}
	if proved {
		r.checkIdentityUnproven(p, policy.Identity{User: cmp.Or(user.rival, user.id), Thread: cmp.Or(thread.rival, thread.id), Source: id.Source})
	}
	return policy.Identity{}, false
}

// find finds one half of the identity: declared, or else adopted. The boolean tells that there was
// no violation; after one it may be found all the same.
func (r *review) find(noun string, spelled []spelling, ruleOf func(*policy.Policy) policy.IDRule, half func(policy.Identity) string) (claimed, bool) {
	declared, ok := r.declared(noun, ruleOf)
	if !ok || declared.found() {
		return declared, ok
	}
	return r.adopt(noun, spelled, ruleOf, half)
}

// declared reads one id from the label and the annotation of its key, and checks it under the
// rule of every policy.
func (r *review) declared(noun string, ruleOf func(*policy.Policy) policy.IDRule) (claimed, bool) {
	key := ruleOf(r.governing[0]).Key
	label, hasLabel := r.pod.Labels[key]
	annotation, hasAnnotation := r.pod.Annotations[key]
	inLabels, inAnnotations := podjson.Location{"metadata", "labels", podjson.MapKey(key)}, podjson.Location{"metadata", "annotations", podjson.MapKey(key)}

	ok := true
	check := func(present bool, value string, at podjson.Location) {
		for _, p := range r.governing {
			if problem := ruleOf(p).Check(value); present && problem != "" {
				r.refuse(RuleIdentityInvalid, at, value, fmt.Sprintf("%s: set it to the %s id that the data belongs to", problem, noun))
				ok = false
			}
		}
	}
	check(hasLabel, label, inLabels)
	check(hasAnnotation, annotation, inAnnotations)
	if hasLabel && hasAnnotation && label != annotation {
		r.refuse(RuleIdentityConflict, inAnnotations, annotation, "contradicts the label with the same key: set only one of them, or both alike; the label says "+podjson.Quote(label))
		ok = false
	}
	switch {
	case ok && hasLabel:
		return claimed{id: label, source: policy.SourceLabel}, true
	case ok && hasAnnotation:
		return claimed{id: annotation, source: policy.SourceAnnotation}, true
	default:
		return claimed{}, ok
	}
}
