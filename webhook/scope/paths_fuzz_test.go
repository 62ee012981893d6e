package scope

import (
	"testing"

	"userscope.dev/userscope/webhook/policy"
)

// FuzzSpelling holds adoption to the directories themselves: a path that spells a legal user is one
// of that user's directories, under every thread if it spells none, and nobody else's.
func FuzzSpelling(f *testing.F) {
	for _, directory := range deerflow().Layout.All() {
		f.Add("deer-flow/" + directory.Path(policy.Identity{User: "alice", Thread: "t1"}))
		f.Add(directory.Path(policy.Identity{User: "alice", Thread: "t1"}))
		f.Add("deer-flow/" + directory.String() + "/x")
	}
	f.Add("threads/t1/user-data")
	f.Add("deer-flow/threads/t1/user-data")
	f.Add("deer-flow/users/a.b/threads/..t/user-data")
	p := deerflow()
	f.Fuzz(func(t *testing.T, subPath string) {
		clean, problem := cleanRelative(subPath)
		if problem != "" {
			return
		}
		id, _ := p.Layout.ReadOnClaim(clean)
		if p.User.Check(id.User) != "" {
			return
		}
		if id.Thread == "" {
			id.Thread = "any"
		}
		if _, own := p.Layout.Tree(id, true).OnClaim(clean); !own {
			t.Errorf("%q spells %s, and is none of their directories", clean, id)
		}
		stranger := policy.Identity{User: id.User + "x", Thread: id.Thread}
		if _, own := p.Layout.Tree(stranger, true).OnClaim(clean); own {
			t.Errorf("%q spells %s, and is a directory of %s too", clean, id, stranger)
		}
	})
}
