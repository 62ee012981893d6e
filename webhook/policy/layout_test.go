package policy

import "testing"

// deerflow returns a layout with one directory of each kind.
func deerflow(root string) Layout {
	return Layout{
		Root:     root,
		UserData: parsed("users/{user}/threads/{thread}/user-data"),
		Directories: []Directory{
			{Template: parsed("users/{user}/threads/{thread}/acp-workspace"), Access: ReadOnly},
			{Template: parsed("users/{user}/skills"), Access: ReadWrite},
			{Template: parsed("shared/tools"), Access: ReadOnly},
		},
		Legacy: parsed("threads/{thread}/user-data"),
	}
}

// A default user gets the directories of the thread and the shared ones: a mount of another would name
// the user, who then is no default. Without an identity only the shared directories are there.
func TestTree(t *testing.T) {
	const userData, workspace, skills, tools = "users/alice/threads/t1/user-data", "users/alice/threads/t1/acp-workspace", "users/alice/skills", "shared/tools"
	for _, test := range []struct {
		name       string
		source     Source
		identified bool
		want       map[string]Access
	}{
		{"a label", SourceLabel, true, map[string]Access{userData: ReadWrite, workspace: ReadOnly, skills: ReadWrite, tools: ReadOnly}},
		{"an annotation", SourceAnnotation, true, map[string]Access{userData: ReadWrite, workspace: ReadOnly, skills: ReadWrite, tools: ReadOnly}},
		{"a subPath", SourceSubPath, true, map[string]Access{userData: ReadWrite, workspace: ReadOnly, skills: ReadWrite, tools: ReadOnly}},
		{"the default user", SourceDefault, true, map[string]Access{userData: ReadWrite, workspace: ReadOnly, tools: ReadOnly}},
		{"nobody", "", false, map[string]Access{tools: ReadOnly}},
	} {
		t.Run(test.name, func(t *testing.T) {
			id := Identity{User: "alice", Thread: "t1", Source: test.source}
			for root, prefix := range map[string]string{"": "", "deer-flow": "deer-flow/"} {
				tree := deerflow(root).Tree(id, test.identified)
				for _, below := range []string{userData, workspace, skills, tools} {
					want, wanted := test.want[below]
					if got, ok := tree.Below(below); got != want || ok != wanted {
						t.Errorf("below %q: %s: %s, %t, want %s, %t", root, below, got, ok, want, wanted)
					}
					if got, ok := tree.OnClaim(prefix + below); got != want || ok != wanted {
						t.Errorf("on the claim: %s: %s, %t, want %s, %t", prefix+below, got, ok, want, wanted)
					}
				}
				if tree.UserData != prefix+userData {
					t.Errorf("user data lies in %s", tree.UserData)
				}
			}
		})
	}
	if _, ok := deerflow("deer-flow").Tree(alice, true).OnClaim(tools); ok {
		t.Error("a directory is found outside of the root")
	}
}

func TestReadOnClaim(t *testing.T) {
	l := deerflow("deer-flow")
	for path, want := range map[string]Identity{
		"deer-flow/users/alice/threads/t1/user-data": alice,
		"deer-flow/users/alice/skills":               {User: "alice"},
		"deer-flow/threads/t1/user-data":             {Thread: "t1"},
		"threads/t1/user-data":                       {Thread: "t1"},
		"users/alice/threads/t1/user-data":           {},
		"deer-flow/shared/tools":                     {},
		"deer-flow/users/alice/skills/x":             {},
	} {
		if got, ok := l.ReadOnClaim(path); got != want || ok != (want != Identity{}) {
			t.Errorf("%s: %+v, %t, want %+v", path, got, ok, want)
		}
	}
}

func TestShared(t *testing.T) {
	l := deerflow("")
	for below, want := range map[string]bool{"shared/tools": true, "shared": false, "users/{user}/skills": false, "users/alice/skills": false} {
		if got := l.IsShared(below); got != want {
			t.Errorf("%s: %t", below, got)
		}
	}
	if !l.NeedsThread() || (Layout{UserData: parsed("home/{user}")}).NeedsThread() {
		t.Error("a layout needs a thread where a directory has one")
	}
}
