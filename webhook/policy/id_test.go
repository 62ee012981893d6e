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
