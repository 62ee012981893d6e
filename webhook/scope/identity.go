package scope

import (
	"cmp"
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// identify finds out whose sandbox the Pod is: user and thread each from the first source that
// names them, and both proved as the policy asks. Every mistake in a declaration is a violation,
// also where another source is fine, for an identity is never repaired. If two identities contradict
// each other, the refusal names the unproved one. A Pod with neither data nor a declaration needs no
// identity. The boolean tells whether there is a whole and proved identity.
func (r *review) identify() (policy.Identity, bool) {
	p := r.governing[0] // policies that meet agree on keys, proof and default user
	found := r.lookForIdentity()
	if !found.hasData && !found.broken() && !found.user.found() && !found.thread.found() {
		return policy.Identity{}, false
	}
	if !found.user.broken && !found.user.found() && found.thread.found() && p.DefaultUser != "" {
		found.user.take(candidate{id: p.DefaultUser, source: policy.SourceDefault})
	}
	r.checkIdentityMissing(p, found)
	if !found.whole() {
		return policy.Identity{}, false
	}
	id := found.identity()
	proved := r.checkIdentityUnproven(p, id)
	if !found.broken() {
		return id, proved
	}
	if proved { // then the identity that contradicts it is not
		id.User, id.Thread = cmp.Or(found.user.other, id.User), cmp.Or(found.thread.other, id.Thread)
		r.checkIdentityUnproven(p, id)
	}
	return policy.Identity{}, false
}

// give judges the identity that an update gives. The default user, whom only a stamp would tell, does not stand in.
func (r *review) give() {
	r.sent = r.pod
	p := r.governing[0]
	found := r.lookForIdentity()
	r.checkIdentityMissing(p, found)
	if found.broken() || !found.whole() {
		return
	}
	if id := found.identity(); r.checkIdentityUnproven(p, id) {
		r.id = id
		r.checkGivenStamp(policy.UserStamp, id.User)
		r.checkGivenStamp(policy.ThreadStamp, id.Thread)
	}
}

// lookForIdentity looks for the user and, where a policy has threads, for the thread.
func (r *review) lookForIdentity() *claims {
	concerned := slices.DeleteFunc(slices.Clone(r.governing), func(p *policy.Policy) bool { return !referencesData(p, r.pod) })
	found := &claims{hasData: len(concerned) > 0}
	if !found.hasData {
		concerned = r.governing
	}
	found.needsThread = slices.ContainsFunc(concerned, hasThreads)

	paths := r.pathIdentities()
	found.user = r.newPart("user", r.userRules())
	found.user.mounted = make([]candidate, 0, len(paths))
	for _, path := range paths {
		found.user.mention(path.User, path)
	}
	r.look(&found.user)
	if rules := r.threadRules(); len(rules) > 0 {
		found.thread = r.newPart("thread", rules)
		found.thread.mounted = make([]candidate, 0, len(paths))
		for _, path := range paths {
			found.thread.mention(path.Thread, path)
		}
		r.look(&found.thread)
	}
	return found
}

// newPart returns a part with the ids that the label and the annotation of its key declare, where the policies
// read them.
func (r *review) newPart(name string, rules []policy.IDRule) part {
	p := part{name: name, rules: rules}
	key := rules[0].Key // policies that meet agree on it, and on where they read
	if id, ok := r.pod.Labels[key]; ok && r.governing[0].ReadsFrom(policy.FromLabel) {
		p.declared = append(p.declared, candidate{id, policy.SourceLabel, place{field: "labels", key: podjson.MapKey(key)}, id})
	}
	if id, ok := r.pod.Annotations[key]; ok && r.governing[0].ReadsFrom(policy.FromAnnotation) {
		p.declared = append(p.declared, candidate{id, policy.SourceAnnotation, place{field: "annotations", key: podjson.MapKey(key)}, id})
	}
	return p
}

// userRules returns the rules that a user's id must keep.
func (r *review) userRules() []policy.IDRule {
	rules := make([]policy.IDRule, len(r.governing))
	for i, p := range r.governing {
		rules[i] = p.User
	}
	return rules
}

// threadRules returns the rules that a thread's id must keep. Policies without threads have none.
func (r *review) threadRules() []policy.IDRule {
	var rules []policy.IDRule
	for _, p := range r.governing {
		if hasThreads(p) {
			rules = append(rules, p.Thread)
		}
	}
	return rules
}

func hasThreads(p *policy.Policy) bool { return p.Layout.NeedsThread() }

// look finds an id in the first place that names one. What is declared must be legal and name one id, also where
// mounts come first; of mounts that holds where they count.
func (r *review) look(p *part) {
	for _, c := range p.declared {
		r.checkDeclaredIdentityInvalid(p, c)
	}
	r.checkDeclaredIdentityConflict(p)
	if p.broken {
		return
	}
	for _, source := range r.governing[0].IdentityFrom {
		if source == policy.FromMounts {
			r.lookAtMounts(p)
		} else {
			p.takeDeclared(source)
		}
		if p.found() || p.broken {
			return
		}
	}
}

// lookAtMounts finds an id that is mounted.
func (r *review) lookAtMounts(p *part) {
	for _, c := range p.mounted {
		r.checkMountedIdentityInvalid(p, c)
		r.checkMountedIdentityConflict(p, c)
		if p.broken {
			return
		}
		p.take(c)
	}
}
