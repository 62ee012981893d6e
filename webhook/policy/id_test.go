package policy

import (
	"strings"
	"testing"
)

// TestAlphabet tries every byte: an id becomes a directory's name, so that not one more may pass.
func TestAlphabet(t *testing.T) {
	const legal = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	rule := IDRule{MaxLength: MaxUserLength}
	for b := range 256 {
		id := "a" + string([]byte{byte(b)}) + "z"
		if ok, want := rule.Check(id) == "", strings.IndexByte(legal, byte(b)) >= 0; ok != want {
			t.Errorf("%q: legal %t, want %t", id, ok, want)
		}
	}
}

func TestFurtherCharacters(t *testing.T) {
	const other = "has characters other than A-Z, a-z, 0-9, _ and -"
	for _, test := range []struct{ name, characters, id, want string }{
		{"a dot", ".", "first.last", ""},
		{"an e-mail address", ".@+", "first.last+lab@example.org", ""},
		{"all of them", IDCharacters, "a.b@c+d~e", ""},
		{"one after another", ".@", "a.@b", ""},
		{"a dot that is not admitted", "", "first.last", other + " (see idCharacters)"},
		{"an at sign beside a dot that is admitted", ".", "a.b@c", other + " and . (see idCharacters)"},
		{"a slash, which no policy can admit", ".", "a/b.c", other + " and ."},
		{"a letter beyond ASCII", IDCharacters, "josé", other + " and .@+~"},
		{"a dot first", ".", ".a", "begins or ends with one of ., which may only stand inside"},
		{"a dot last", ".@", "a.", "begins or ends with one of .@, which may only stand inside"},
		{"a dot alone", ".", ".", "begins or ends with one of ., which may only stand inside"},
		{"two dots", ".", "a..b", "contains .."},
		{"the filesystem's own directory", "+", "lost+found", "is a directory of the filesystem's own"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := (IDRule{MaxLength: MaxUserLength, Characters: test.characters}).Check(test.id); got != test.want {
				t.Errorf("%q: %q, want %q", test.id, got, test.want)
			}
		})
	}
}
