package scope

import (
	"slices"

	"userscope.dev/userscope/webhook/policy"
)

// Create judges the creation of a Pod: it is ungoverned, or everything that it mounts comes to
// lie in the directories of its identity, or it is refused. All violations are reported at
// once. Applying the edits and deciding again changes nothing more.
func Create(policies policy.Policies, req Request) Decision {
	there := policies.ForNamespace(req.Namespace)
	concerned := func(p *policy.Policy, req *Request) bool { return concerns(there, p, req) }
	var governing policy.Policies
	for _, p := range there {
		if concerned(p, &req) {
			governing = append(governing, p)
		}
	}
	if len(governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	return judge(req, governing, concerned).decision()
}

// judge judges a whole Pod under the policies that govern the Pod. After the first edits, only the policies for
// which stays holds judge on.
func judge(req Request, governing policy.Policies, stays func(*policy.Policy, *Request) bool) *review {
	r := &review{
		sent: req.Pod, pod: editable(req.Pod, req.Unknown), unknown: req.Unknown, creator: req.Creator,
		governing: governing, replaced: map[int]bool{},
	}
	r.run(func(rule *rule) check { return rule.before })
	// What drew a policy in may have been replaced, and a second decision would not see it.
	edited := Request{Namespace: req.Namespace, Creator: req.Creator, Pod: r.pod}
	r.governing = slices.DeleteFunc(governing, func(p *policy.Policy) bool { return !stays(p, &edited) })
	r.id, r.identified = r.identify()
	r.run(func(rule *rule) check { return rule.check })
	r.judged = containers(r.pod)
	r.runContainers()
	r.stamp()
	return r
}
