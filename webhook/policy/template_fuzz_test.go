package policy

import "testing"

// FuzzTemplate holds writing and reading a path to be each other's inverse, of any template that
// a policy may have: parse(format(id)) is id for every legal id, and format(parse(path)) is path
// for every path that is accepted.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{
		"users/{user}/threads/{thread}/user-data", "users/{user}/skills_view/custom", "threads/{thread}/user-data",
		"home/{user}", "{user}", "{user}/{thread}", "{thread}/{user}", "shared/tools", "users/{user}/-/{thread}",
	} {
		f.Add(text, "alice", "t1", "users/alice/threads/t1/user-data")
		f.Add(text, "-", "user-data", "users/users/threads/threads/user-data")
		f.Add(text, "a/b", "..", "users/../threads//user-data")
		f.Add(text, "{user}", "{thread}", "{user}/{thread}")
	}
	f.Fuzz(func(t *testing.T, text, user, thread, spelled string) {
		template, err := ParseTemplate(text)
		if err != nil {
			return
		}
		if template.String() != text {
			t.Errorf("the template is %q", template)
		}
		if got, ok := template.Parse(spelled); ok && template.Path(got) != spelled {
			t.Errorf("%s: %q is read as %+v, which is written %q", template, spelled, got, template.Path(got))
		}
		id := Identity{User: user, Thread: thread}
		if !legalIn(template, id) {
			return
		}
		if !template.HasUser() {
			id.User = ""
		}
		if !template.HasThread() {
			id.Thread = ""
		}
		written := template.Path(id)
		if got, ok := template.Parse(written); !ok || got != id {
			t.Errorf("%s: %+v is written %q, which is read as %+v, %t", template, id, written, got, ok)
		}
		if err := checkRelative(written); err != nil {
			t.Errorf("%s: %+v is written %q, which is not clean: %v", template, id, written, err)
		}
	})
}

// legalIn reports whether the ids that the template needs are legal.
func legalIn(template Template, id Identity) bool {
	rule := IDRule{MaxLength: MaxUserLength}
	return (!template.HasUser() || rule.Check(id.User) == "") && (!template.HasThread() || rule.Check(id.Thread) == "")
}
