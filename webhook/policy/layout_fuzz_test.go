package policy

import "testing"

// FuzzTree holds what a path is found to be to the paths of the identity's directories, written out.
func FuzzTree(f *testing.F) {
	layout := deerflow("deer-flow")
	all := layout.All()
	for _, directory := range all {
		f.Add("alice", "t1", false, true, directory.Path(Identity{User: "alice", Thread: "t1"}))
		f.Add("alice", "t1", true, true, directory.Path(Identity{User: "alice", Thread: "t1"}))
		f.Add("alice", "", false, false, directory.Path(Identity{User: "bob", Thread: "t1"}))
		f.Add("alice", "", false, true, directory.Path(Identity{User: "alice"}))
		f.Add("{user}", "{thread}", false, true, directory.String())
	}
	f.Fuzz(func(t *testing.T, user, thread string, defaulted, identified bool, path string) {
		id := Identity{User: user, Thread: thread, Source: SourceLabel}
		if defaulted {
			id.Source = SourceDefault
		}
		for _, directory := range all {
			if !legalIn(directory.Template, id) {
				return
			}
		}
		var want Access
		for _, directory := range all {
			private := directory.HasUser() && (!identified || defaulted && !directory.HasThread())
			if !private && directory.Path(id) == path {
				want = directory.Access
			}
		}
		if got, ok := layout.Tree(id, identified).Below(path); got != want || ok != (want != "") {
			t.Errorf("%q, identified %t: %q is %q, %t, want %q", id, identified, path, got, ok, want)
		}
	})
}
