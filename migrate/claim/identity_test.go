package claim

import "testing"

// What tells two files apart, and what only may.
func TestCompare(t *testing.T) {
	for _, test := range []struct {
		name string
		was  Identity
		now  Info
		want Likeness
	}{
		{"the same handle", Identity{7, 1, "1:aa"}, Info{Identity: Identity{7, 1, "1:aa"}, Stable: true}, Same},
		{"another subvolume of Btrfs", Identity{256, 1, "1:aa"}, Info{Identity: Identity{256, 1, "1:bb"}, Stable: true}, Different},
		{"a handle that another kernel writes", Identity{7, 1, "1:aa"}, Info{Identity: Identity{7, 1, "2:aabb"}, Stable: true}, Same},
		{"a number that was used again", Identity{7, 1, ""}, Info{Identity: Identity{7, 2, ""}, Stable: true}, Different},
		{"another number, where they are kept", Identity{7, 1, ""}, Info{Identity: Identity{8, 1, ""}, Stable: true}, Different},
		{"format 1, the same number", Identity{7, 0, ""}, Info{Identity: Identity{7, 1, "1:aa"}, Stable: true}, Same},
		{"format 1, another number", Identity{7, 0, ""}, Info{Identity: Identity{8, 1, "1:aa"}, Stable: true}, Different},
		{"renumbered, with the time of birth", Identity{7, 1, ""}, Info{Identity: Identity{8, 1, ""}}, Same},
		{"renumbered, and born later", Identity{7, 1, ""}, Info{Identity: Identity{8, 2, ""}}, Different},
		{"renumbered, and nothing else is known", Identity{7, 0, ""}, Info{Identity: Identity{8, 0, ""}}, Unknown},
		{"the same number, and nothing else is known", Identity{7, 0, ""}, Info{Identity: Identity{7, 0, ""}}, Same},
	} {
		if got := test.was.Compare(test.now); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

// Two records of one file do not contradict each other.
func TestContradicts(t *testing.T) {
	for _, test := range []struct {
		name     string
		one, two Identity
		want     bool
	}{
		{"one handle", Identity{7, 1, "1:aa"}, Identity{8, 2, "1:aa"}, false},
		{"two handles", Identity{256, 1, "1:aa"}, Identity{256, 1, "1:bb"}, true},
		{"one birth", Identity{7, 1, ""}, Identity{8, 1, ""}, false},
		{"two births", Identity{7, 1, ""}, Identity{7, 2, ""}, true},
		{"one number", Identity{7, 0, ""}, Identity{7, 1, "1:aa"}, false},
		{"two numbers", Identity{7, 0, ""}, Identity{8, 1, "1:aa"}, true},
	} {
		if got := test.one.Contradicts(test.two); got != test.want {
			t.Errorf("%s: %t, want %t", test.name, got, test.want)
		}
	}
}
