package identity

import (
	"os"
	"regexp"
	"testing"

	"userscope.dev/userscope/webhook/policy"
)

// TestVectors holds the page's test vectors to the decision, and both to another implementation.
func TestVectors(t *testing.T) {
	page, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	vectors := regexp.MustCompile("(?m)^\\| `(\\S+)` \\| `(\\S+)` \\| (?:none|`(\\S+)`) \\| `([0-9a-f]+)` \\|$").FindAllSubmatch(page, -1)
	if len(vectors) != 5 {
		t.Errorf("%s has %d vectors, want 5", pageFile, len(vectors))
	}
	for _, vector := range vectors {
		user, thread, key, want := string(vector[1]), string(vector[2]), string(vector[3]), string(vector[4])
		if got := mint(key, pair{user, thread})[:len(want)]; got != want {
			t.Errorf("%s, %s, key %q: a gateway mints %s, and the page says %s", user, thread, key, got, want)
		}
		var secret policy.Key
		if key != "" {
			secret = policy.Key(key)
		}
		if got := policy.SandboxID(user+":"+thread, secret)[:len(want)]; got != want {
			t.Errorf("%s, %s, key %q: Userscope wants %s, and the page says %s", user, thread, key, got, want)
		}
	}
}
