package oracle

import (
	"cmp"
	"slices"
)

// gives reports whether a provisioner rightly makes a sandbox somebody's that was nobody's: it has no data, bears
// no part of an identity, and is now declared to be one user's, in one thread where a policy knows threads, by an
// id that contradicts nobody and proves them where that is asked for.
func gives(policies []Policy, request Request, old, updated object) bool {
	var there []Policy
	for _, p := range policies {
		if slices.Contains(p.Namespaces, request.Namespace) {
			there = append(there, p)
		}
	}
	if len(there) == 0 || !bearsMarker(old) {
		return false
	}
	var user, thread string
	threads := false
	for _, p := range there {
		before := &judgement{policy: p, pod: old}
		if !p.provisions(request) || before.needsIdentity() || p.isNamed(old) {
			return false
		}
		after := &judgement{policy: p, governing: there, pod: updated}
		after.findIdentity()
		threads = threads || p.hasThreads()
		if len(after.findings) > 0 || p.Identity.source(updated, p.Identity.UserKey, nil) == "" ||
			p.hasThreads() && p.Identity.source(updated, p.Identity.ThreadKey, nil) == "" {
			return false
		}
		user, thread = cmp.Or(user, after.user), cmp.Or(thread, after.thread)
	}
	for _, place := range []string{"labels", "annotations"} {
		for key, id := range map[string]string{userStamp: user, threadStamp: thread} {
			if _, stamped := child(updated, "metadata", place)[key]; stamped && text(child(updated, "metadata", place), key) != id {
				return false
			}
		}
	}
	j := &judgement{policy: there[0], governing: there}
	rules := there[0].Identity
	id := text(child(updated, "metadata", "labels"), rules.SandboxIDKey)
	return user != "" && (thread != "" || !threads) &&
		(j.proves(id, user, thread) || rules.Proof == "Never" || rules.Proof == "Adopted" && !idDigits.MatchString(id))
}

// isNamed reports whether a Pod bears any part of an identity.
func (p Policy) isNamed(pod object) bool {
	return slices.ContainsFunc([]string{"labels", "annotations"}, func(place string) bool {
		return slices.ContainsFunc(p.identityKeys(place), func(key string) bool {
			_, there := child(pod, "metadata", place)[key]
			return there
		})
	})
}
