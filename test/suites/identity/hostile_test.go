package identity

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestHostileProvisioner is a provisioner that reads all that it may, every other Pod with its
// sandbox id, and tries to become a user and thread that the gateway never minted an id for.
func TestHostileProvisioner(t *testing.T) {
	in := install(t, oldKey)
	minted := map[string]pair{ // by the Pod's sandbox id
		mint(oldKey, pair{"alice", "t1"})[:16]: {"alice", "t1"},
		mint(oldKey, pair{"bob", "t2"})[:16]:   {"bob", "t2"},
		mint(oldKey, pair{"a", "b_c"})[:32]:    {"a", "b_c"},
		mint(oldKey, pair{"carol", "t3"})[:63]: {"carol", "t3"},
	}
	for id, p := range minted {
		if _, err := in.provisioner.Create(t.Context(), mounting(id, p.directory()), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	known := in.knownIDs(t)
	if len(known) != len(minted) {
		t.Fatalf("the provisioner reads %d sandbox ids, want %d", len(known), len(minted))
	}

	t.Run("every other user and thread with every id", func(t *testing.T) {
		for _, target := range unminted(minted) {
			for _, id := range known {
				in.mustRefuse(t, id, target)
			}
		}
	})

	t.Run("ids made of known ones", func(t *testing.T) {
		for _, target := range []pair{{"alice", "t2"}, {"bob", "t1"}, {"t1", "alice"}, {"a_b", "c"}, {"carol", "t1"}} {
			for _, id := range forged(known, target) {
				in.mustRefuse(t, id, target)
			}
		}
	})

	t.Run("a minted id cut or guessed longer is the same user's and thread's, or nobody's", func(t *testing.T) {
		accepted := 0
		for id, p := range minted {
			for _, changed := range append(extended(id), cut(id)...) {
				stored, err := in.try(t.Context(), mounting(changed, p.directory()))
				switch {
				case err == nil:
					accepted++
					if got := identityOf(t, stored); got != p {
						t.Errorf("%s, of %s: got %+v, want %+v", changed, id, got, p)
					}
				case !refusedFor(err, "identity-unproven"):
					t.Errorf("%s: %v", changed, err)
				}
			}
		}
		// Of the two of 16 digits and the one of 32, one longer id of 16 each; of the 32 and
		// the 63, those of 16 digits or more.
		if want := 3 + (32 - 16) + (63 - 16); accepted != want {
			t.Errorf("%d ids were accepted, want %d", accepted, want)
		}
	})

	// This is what docs/identity.md says that a key does not prevent.
	t.Run("replay: a known id is good for more Pods of its user and thread", func(t *testing.T) {
		for _, id := range known {
			again := mounting(id, minted[id].directory())
			again.Name = "again-" + again.Name
			stored, err := in.provisioner.Create(t.Context(), again, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got := identityOf(t, stored); got != minted[id] {
				t.Errorf("%s: got %+v, want %+v", id, got, minted[id])
			}
		}
	})

	// The digest is of user:thread, and no id has a colon: were one legal, the two would share
	// their digest.
	t.Run("users and threads that share their digest are no ids", func(t *testing.T) {
		id := mint(oldKey, pair{"a", "b:c"})[:16]
		for _, target := range []pair{{"a", "b:c"}, {"a:b", "c"}} {
			for _, pod := range []*corev1.Pod{declaring(id, target), mounting(id, target.directory())} {
				if _, err := in.try(t.Context(), pod); err == nil || !refusedFor(err, "identity-invalid") {
					t.Errorf("%+v: not refused for identity-invalid, but: %v", target, err)
				}
			}
		}
	})

	t.Run("stamps that contradict the id", func(t *testing.T) {
		id := mint(oldKey, alice)[:16]
		forged := mounting(id, alice.directory())
		forged.Annotations = map[string]string{"user-id": "bob", "thread-id": "t2", "userscope.dev/policies": "deer-flow"}
		if _, err := in.try(t.Context(), forged); err == nil || !refusedFor(err, "identity-unproven") {
			t.Errorf("stamps alone: %v", err)
		}
		forged.Labels["user-id"] = "alice"
		if _, err := in.try(t.Context(), forged); err == nil || !refusedFor(err, "identity-conflict") {
			t.Errorf("a stamp against a label: %v", err)
		}
	})
}

// knownIDs are the sandbox ids of all Pods, as the provisioner lists them.
func (in *installation) knownIDs(t *testing.T) []string {
	t.Helper()
	pods, err := in.provisioner.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range pods.Items {
		ids = append(ids, pods.Items[i].Labels["sandbox-id"])
	}
	slices.Sort(ids)
	return ids
}

// mustRefuse asks for a user and thread in every way in which a Pod can name them.
func (in *installation) mustRefuse(t *testing.T, id string, target pair) {
	t.Helper()
	halves := mounting(id, target.directory())
	halves.Labels["user-id"] = target.user
	for way, pod := range map[string]*corev1.Pod{
		"declared": declaring(id, target),
		"adopted":  mounting(id, target.directory()),
		"halves":   halves,
	} {
		if stored, err := in.try(t.Context(), pod); err == nil || !refusedFor(err, "identity-unproven") {
			t.Errorf("%s, %s as %+v: not refused for identity-unproven, but: %v %v", way, id, target, stored, err)
		}
	}
}

// declaring is a Pod that declares its identity, and mounts something else.
func declaring(id string, p pair) *corev1.Pod {
	pod := mounting(id, alice.directory())
	pod.Annotations = map[string]string{"user-id": p.user, "thread-id": p.thread}
	return pod
}

// unminted are all pairs of the ids that occur in the minted ones, and of some that could be
// confused with them, but for the minted ones.
func unminted(minted map[string]pair) []pair {
	halves := []string{"a_b", "c"}
	taken := map[pair]bool{}
	for _, p := range minted {
		halves = append(halves, p.user, p.thread)
		taken[p] = true
	}
	var pairs []pair
	for _, user := range halves {
		for _, thread := range halves {
			if p := (pair{user, thread}); !taken[p] {
				pairs = append(pairs, p)
			}
		}
	}
	return pairs
}

// forged are ids that somebody who has no key can make.
func forged(known []string, target pair) []string {
	ids := []string{
		mint("", target)[:16],
		mint(strings.Repeat("\x00", 32), target)[:16], // a key of zeros
		mint(newKey, target)[:16],                     // of another installation
		mint(known[0], target)[:16],                   // with a known id for a key
	}
	for _, id := range known {
		ids = append(ids, strings.ToUpper(id), id[:8]+known[0][8:16], id[8:16]+id[:8], exclusiveOr(id, known[0]))
		ids = append(ids, cut(id[:16])...)
	}
	return append(ids, extended(known[0])...)
}

// cut are the beginnings of an id, from 8 digits on.
func cut(id string) []string {
	var shorter []string
	for n := 8; n < len(id); n++ {
		shorter = append(shorter, id[:n])
	}
	return shorter
}

// extended are an id with each digit more, where a label has room for one.
func extended(id string) []string {
	if len(id) == 63 {
		return nil
	}
	var longer []string
	for digit := range 16 {
		longer = append(longer, fmt.Sprintf("%s%x", id, digit))
	}
	return longer
}

// exclusiveOr combines the first 16 digits of two ids.
func exclusiveOr(a, b string) string {
	var combined strings.Builder
	for i := range 16 {
		fmt.Fprintf(&combined, "%x", digit(a[i])^digit(b[i]))
	}
	return combined.String()
}

func digit(c byte) int { return strings.IndexByte("0123456789abcdef", c) }
