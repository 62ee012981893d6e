package scope

import "testing"

func TestParseTemplate(t *testing.T) {
	tests := []struct{ text, problem string }{
		{"users/{user}/threads/{thread}/user-data", ""},
		{"home/{user}", ""},
		{"{user}", ""},
		{"shared/tools", ""},
		{"...", ""},
		{"", "must not be empty"},
		{"/users/{user}", "must be relative, without empty segments or a slash at the end"},
		{"users/{user}/", "must be relative, without empty segments or a slash at the end"},
		{"users//{user}", "must be relative, without empty segments or a slash at the end"},
		{"./{user}", `must not contain the segment "."`},
		{"{user}/..", `must not contain the segment ".."`},
		{"u-{user}", `segment "u-{user}": only {user} and {thread} are placeholders, and each must be a whole segment`},
		{"{User}", `segment "{User}": only {user} and {thread} are placeholders, and each must be a whole segment`},
		{"{", `segment "{": only {user} and {thread} are placeholders, and each must be a whole segment`},
		{"{user}/{user}", "{user} may occur only once"},
		{"{user}/{thread}/{thread}", "{thread} may occur only once"},
		{"threads/{thread}", "{thread} needs {user} in the same path: threads of different users may carry the same id"},
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
		if got := template(text).Path(id); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
