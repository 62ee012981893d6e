package identity

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

var alice = pair{"alice", "t1"}

// TestRollKey rolls a key as docs/identity.md says.
func TestRollKey(t *testing.T) {
	in := install(t, oldKey)
	plain := mounting(mint("", alice)[:16], alice.directory())
	old := mounting(mint(oldKey, alice)[:16], alice.directory())
	rolled := mounting(mint(newKey, alice)[:16], alice.directory())

	in.await(t, old, true)
	in.await(t, rolled, false)
	in.await(t, plain, false)

	in.writeKey(t, "2-new", newKey)
	in.await(t, rolled, true)
	in.await(t, old, true)
	in.await(t, plain, false)

	// One bad file, and what was there stays in force.
	in.writeKey(t, "3-short", "short")
	in.awaitLog(t, "and a key has at least 32")
	in.await(t, old, true)
	in.await(t, rolled, true)
	in.removeKey(t, "3-short")

	in.removeKey(t, "1-old")
	in.await(t, old, false)
	in.await(t, rolled, true)
	in.await(t, plain, false)

	log := in.log(t)
	for _, key := range []string{oldKey, newKey} {
		for _, form := range []string{key, hex.EncodeToString([]byte(key)), base64.StdEncoding.EncodeToString([]byte(key))} {
			if strings.Contains(log, form) {
				t.Errorf("the webhook logged a key: %s", log)
			}
		}
	}
}
