package policy

import "testing"

func TestParseTemplate(t *testing.T) {
	tests := []struct{ text, problem string }{
		{"users/{user}/threads/{thread}/user-data", ""},
		{"home/{user}", ""},
		{"{user}", ""},
		{"shared/tools", ""},
		{"threads/{thread}", ""},
		{"..a/ b/é", ""},
		{"...", `segment "...": must not end in a dot or a space, which SMB shares leave out`},
		{"{user}/skills.", `segment "skills.": must not end in a dot or a space, which SMB shares leave out`},
		{"{user} /x", `segment "{user} ": only {user} and {thread} are placeholders, and each must be a whole segment`},
		{"skills /{user}", `segment "skills ": must not end in a dot or a space, which SMB shares leave out`},
		{"e\u0301/{user}", `segment "e\u0301": must be in the normal form NFC ("\u00e9"), into which some filesystems bring it`},
		{"", "must not be empty"},
		{"/users/{user}", "must be relative, without empty segments or a slash at the end"},
		{"users/{user}/", "must be relative, without empty segments or a slash at the end"},
		{"users//{user}", "must be relative, without empty segments or a slash at the end"},
		{"./{user}", `must not contain the segment "."`},
		{"{user}/..", `must not contain the segment ".."`},
		{"u-{user}", `segment "u-{user}": only {user} and {thread} are placeholders, and each must be a whole segment`},
		{"{User}", `segment "{User}": only {user} and {thread} are placeholders, and each must be a whole segment`},
		{"{user}/x}", `segment "x}": only {user} and {thread} are placeholders, and each must be a whole segment`},
		{"{", `segment "{": only {user} and {thread} are placeholders, and each must be a whole segment`},
		{"{user}/{user}", "{user} may occur only once"},
		{"{user}/{thread}/{thread}", "{thread} may occur only once"},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := ParseTemplate(test.text)
			if test.problem == "" {
				if err != nil || got.String() != test.text {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			if err == nil || err.Error() != test.problem {
				t.Errorf("got %v, want %s", err, test.problem)
			}
		})
	}
}

func TestTemplatePath(t *testing.T) {
	id := Identity{User: "alice", Thread: "t1"}
	for text, want := range map[string]string{
		"users/{user}/threads/{thread}/user-data": "users/alice/threads/t1/user-data",
		"{thread}/{user}":                         "t1/alice",
		"shared/tools":                            "shared/tools",
	} {
		if got := parsed(text).Path(id); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestOverlap(t *testing.T) {
	ro := func(text string) Directory { return Directory{Template: parsed(text), Access: ReadOnly} }
	rw := func(text string) Directory { return Directory{Template: parsed(text), Access: ReadWrite} }
	all := func(text string) Directory {
		return Directory{Template: parsed(text), Access: ReadWrite, SharedByAll: true}
	}
	tests := []struct {
		name       string
		a, b       Directory
		characters string
		problem    string
	}{
		{"neighbours", rw("users/{user}/a"), rw("users/{user}/b"), "", ""},
		{"a name that begins alike", rw("users/{user}/a"), rw("users/{user}/ab"), "", ""},
		{"a literal that is no id", rw("home/{user}"), ro("home/.shared"), "", ""},
		{"different depths below different parents", rw("a/{user}"), ro("b/c/d"), "", ""},
		{"a writable directory below a readable one of the same user", ro("u/{user}/config"), rw("u/{user}/config/locks"), "", ""},
		{"a thread's directory below its user's", ro("u/{user}"), rw("u/{user}/t/{thread}"), "", "u/{user}/t/{thread} lies below u/{user}, which other identities can read"},
		{"the same", ro("u/{user}"), rw("u/{user}"), "", "u/{user} and u/{user} are the same directory"},
		{"the same but for case", ro("U/{user}"), rw("u/{user}"), "", `U/{user} and u/{user} are one directory where a filesystem does not tell "U" from "u"`},
		{"parents that differ by case", ro("Data/{user}/a"), rw("data/{user}/b"), "", `Data/{user}/a and data/{user}/b are one directory where a filesystem does not tell "Data" from "data"`},
		{"parents that differ by case, at different depths", ro("shared/{user}"), rw("Shared/{user}/b/c"), "", `shared/{user} and Shared/{user}/b/c are one directory where a filesystem does not tell "shared" from "Shared"`},
		{"the same but for more letters of one", ro("straße"), ro("STRASSE"), "", `straße and STRASSE are one directory where a filesystem does not tell "stra\u00dfe" from "STRASSE"`},
		{"the same but for width", ro("ａ"), ro("a"), "", `ａ and a are one directory where a filesystem does not tell "\uff41" from "a"`},
		{"the same but for a ligature", ro("ﬁle"), ro("file"), "", `ﬁle and file are one directory where a filesystem does not tell "\ufb01le" from "file"`},
		{"a literal that is some user's but for width", rw("home/{user}"), ro("home/ａ"), "", "home/{user} and home/ａ could be one directory, of different identities"},
		{"accents, which every filesystem tells apart", ro("e"), ro("é"), "", ""},
		{"a literal that is some user's", rw("home/{user}"), ro("home/shared"), "", "home/{user} and home/shared could be one directory, of different identities"},
		{"a literal that is an id with a dot", rw("home/{user}"), ro("home/shared.d"), ".", "home/{user} and home/shared.d could be one directory, of different identities"},
		{"a literal that is no id with a dot", rw("home/{user}"), ro("home/shared.d"), "@", ""},
		{"the filesystem's own directory", rw("home/{user}"), ro("home/lost+found"), "+", ""},
		{"the filesystem's own directory in capitals", rw("home/{user}"), ro("home/LOST+FOUND"), "+", "home/{user} and home/LOST+FOUND could be one directory, of different identities"},
		{"a literal first", ro("home/shared"), rw("home/{user}"), "", "home/shared and home/{user} could be one directory, of different identities"},
		{"user and thread exchanged", rw("{user}/{thread}"), rw("{thread}/{user}"), "", "{user}/{thread} and {thread}/{user} could be one directory, of different identities"},
		{"below a writable one", rw("u/{user}"), ro("u/{user}/skills"), "", "u/{user}/skills lies below u/{user}, which is ReadWrite"},
		{"below a writable one, named the other way round", ro("u/{user}/skills"), rw("u/{user}"), "", "u/{user}/skills lies below u/{user}, which is ReadWrite"},
		{"a private one below a shared one", ro("users"), rw("users/{user}"), "", "users/{user} lies below users, which other identities can read"},
		{"a shared one below a shared one", ro("tools"), ro("tools/bin"), "", ""},
		{"one that all write to, beside others", all("shared/exchange"), ro("shared/tools"), "", ""},
		{"one that all write to, below a shared one", all("shared/exchange"), ro("shared"), "", "shared/exchange lies below shared, and is sharedByAll"},
		{"one that all write to, around a shared one", all("shared"), ro("shared/tools"), "", "shared/tools lies below shared, which is ReadWrite"},
		{"one that all write to, around a private one", all("users"), rw("users/{user}"), "", "users/{user} lies below users, which is ReadWrite"},
		{"one that all write to, which could be a user's", all("home/shared"), rw("home/{user}"), "", "home/shared and home/{user} could be one directory, of different identities"},
		{"one that all write to, twice", all("shared"), all("shared"), "", "shared and shared are the same directory"},
		{"below what could be another user's", ro("home/{user}"), ro("home/shared/{user}"), "", "home/shared/{user} lies below home/{user}, which other identities can read"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Overlap(test.a, test.b, test.characters); got != test.problem {
				t.Errorf("got  %s\nwant %s", got, test.problem)
			}
		})
	}
}

func TestTemplateParse(t *testing.T) {
	tests := []struct {
		template, path string
		want           Identity
		ok             bool
	}{
		{"users/{user}/threads/{thread}/user-data", "users/alice/threads/t1/user-data", Identity{User: "alice", Thread: "t1"}, true},
		{"users/{user}/threads/{thread}/user-data", "users/alice/threads/t1/user-data/x", Identity{}, false},
		{"users/{user}/threads/{thread}/user-data", "users/alice/threads/t1", Identity{}, false},
		{"users/{user}/threads/{thread}/user-data", "users/alice/threads/t1/other", Identity{}, false},
		{"users/{user}/threads/{thread}/user-data", "users//threads/t1/user-data", Identity{}, false},
		{"{user}", "alice", Identity{User: "alice"}, true},
		{"{user}", "", Identity{}, false},
		{"threads/{thread}/user-data", "threads/t1/user-data", Identity{Thread: "t1"}, true},
		{"shared", "shared", Identity{}, true},
	}
	for _, test := range tests {
		t.Run(test.template+" "+test.path, func(t *testing.T) {
			if got, ok := parsed(test.template).Parse(test.path); got != test.want || ok != test.ok {
				t.Errorf("got %+v, %t", got, ok)
			}
		})
	}
	if _, ok := (Template{}).Parse("x"); ok {
		t.Error("the zero template matches")
	}
}

// parsed parses a template that is known to be good.
func parsed(text string) Template {
	t, err := ParseTemplate(text)
	if err != nil {
		panic(err)
	}
	return t
}
