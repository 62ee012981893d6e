package scope

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// API servers cut longer warnings at the end, and drop those with control characters.
func TestWarningsAreWhole(t *testing.T) {
	const at = "spec.initContainers[63].volumeMounts[1023].subPath"
	for _, long := range []string{strings.Repeat("a/", 2000), strings.Repeat("é", 300), strings.Repeat("\n", 300), strings.Repeat("\xff", 300), strings.Repeat("w", 90)} {
		for _, other := range []string{"", "x", "deer-flow/users/alice/threads/t1/user-data", long} {
			for _, text := range []string{changeText(at, other, long+"/tail"), changeText(at, long+"/tail", other), removalText(at, long+"/tail", "user data is mounted by its literal path")} {
				if length := utf8.RuneCountInString(text); length > maxWarning || !strings.Contains(text, "/tail\"") {
					t.Errorf("%d characters: %s", length, text)
				}
				if strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text) {
					t.Errorf("no API server hands on %q", text)
				}
			}
		}
	}
}

// Both values are shown whole where they fit together.
func TestChangeText(t *testing.T) {
	was, is := strings.Repeat("a", 150), strings.Repeat("b", 40)
	if got, want := changeText("spec.x", was, is), `spec.x: "`+was+`" is now "`+is+`"`; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
