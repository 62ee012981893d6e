package policy

import (
	"regexp"
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
	if all := string(Dot + AtSign + Plus + Tilde); IDCharacters != all {
		t.Errorf("the characters are %q, and each for itself %q", IDCharacters, all)
	}
	const never = "has characters that no policy can admit there"
	const other = "has characters other than A-Z, a-z, 0-9, _ and -"
	for _, test := range []struct{ name, characters, id, want string }{
		{"a dot", ".", "first.last", ""},
		{"an e-mail address", ".@+", "first.last+lab@example.org", ""},
		{"all of them", IDCharacters, "a.b@c+d~e", ""},
		{"one after another", ".@", "a.@b", ""},
		{"a dot that is not admitted", "", "first.last", other + " (see idCharacters)"},
		{"an at sign beside a dot that is admitted", ".", "a.b@c", other + " and . (see idCharacters)"},
		{"a dot first, which no policy can admit", "", ".a", never},
		{"a slash, which no policy can admit", ".", "a/b.c", never},
		{"a letter beyond ASCII", IDCharacters, "josé", never},
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

func TestIDRule(t *testing.T) {
	rule := IDRule{MaxLength: 4, LowerCase: true, Pattern: regexp.MustCompile(`^(?:[a-c]+)$`)}
	for id, want := range map[string]string{
		"abca":  "",
		"":      "is empty",
		"abcab": "is 5 bytes long, and 4 are allowed",
		"aBc":   "has upper-case letters, which the policy's filesystem cannot tell from lower-case ones",
		"aZ":    "has upper-case letters, which the policy's filesystem cannot tell from lower-case ones",
		"aAc":   "has upper-case letters, which the policy's filesystem cannot tell from lower-case ones",
		"abcd":  "does not match the policy's pattern",
	} {
		if got := rule.Check(id); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
	if got := (IDRule{MaxLength: 4}).Check("AbZ"); got != "" {
		t.Errorf("a rule without more refuses upper-case letters: %s", got)
	}
}

func TestIdentityText(t *testing.T) {
	for want, id := range map[string]Identity{"alice/t1": {User: "alice", Thread: "t1"}, "alice": {User: "alice"}} {
		if got := id.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestBounds(t *testing.T) {
	least, usual, most := LeastBounds(), DefaultBounds(), MostBounds()
	for _, bound := range []struct {
		name               string
		least, usual, most int
	}{
		{"volumes", least.Volumes, usual.Volumes, most.Volumes},
		{"mounts", least.Mounts, usual.Mounts, most.Mounts},
		{"containers", least.Containers, usual.Containers, most.Containers},
		{"environment", least.Environment, usual.Environment, most.Environment},
	} {
		if bound.least <= 0 || bound.usual < bound.least || bound.most < bound.usual {
			t.Errorf("%s: %d to %d, by default %d", bound.name, bound.least, bound.most, bound.usual)
		}
	}
}
