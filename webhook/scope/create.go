package scope

// Decide judges the creation of a Pod: it is ungoverned, or every user-data mount of it comes
// to lie in the directory of the Pod's identity, or it is refused. All violations are
// reported at once. Applying the edits and deciding again changes nothing more.
func (p Policies) Decide(req Request) Decision {
	var governing Policies
	for _, policy := range p.forNamespace(req.Namespace) {
		if policy.governs(&req) {
			governing = append(governing, policy)
		}
	}
	if len(governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}

	r := &review{pod: req.Pod.DeepCopy()}
	var identity Identity
	for _, policy := range governing {
		r.checkSelector(policy, req.Creator)
		r.checkUserDataVolume(policy)
		if !policy.references(r.pod) {
			continue
		}
		if id, ok := r.identify(policy); ok {
			identity = id
			r.scopeUserData(policy, id)
		}
	}
	return r.decision(identity)
}

// decision sums the review up.
func (r *review) decision(id Identity) Decision {
	switch {
	case len(r.violations) > 0:
		return Decision{Verdict: Refused, Identity: id, Violations: r.violations, More: r.more}
	case len(r.edits) > 0:
		return Decision{Verdict: Rewritten, Identity: id, Edits: r.edits}
	default:
		return Decision{Verdict: Allowed, Identity: id}
	}
}
