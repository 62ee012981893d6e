package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"userscope.dev/userscope/test/suites/corpus"
)

// gateway is a kind of DeerFlow's gateways, by the sandbox ids that it mints.
type gateway int

// The kinds, by age.
const (
	threadDigest gateway = iota // 8 digits of the thread's digest
	shortDigest                 // 8 digits of the digest of user and thread
	longDigest                  // 16 of them
	noThread                    // 8 random digits, which are the thread, too
)

func (g gateway) String() string {
	return [...]string{"before 06-23", "06-23 to 07-24", "since 07-25", "without a thread"}[g]
}

// mints returns the sandbox id of a user and thread.
func (g gateway) mints(p pair) string {
	switch g {
	case threadDigest:
		digest := sha256.Sum256([]byte(p.thread))
		return hex.EncodeToString(digest[:])[:8]
	case shortDigest:
		return mint("", p)[:8]
	case longDigest:
		return mint("", p)[:16]
	default:
		return p.thread
	}
}

// sentPod is a Pod of a folder.
type sentPod struct {
	corpus.Entry
	owner   string
	content []byte
}

// readFolder reads the Pods of a folder, but for those that no API server stores.
func readFolder(t *testing.T, dir string) []sentPod {
	t.Helper()
	entries, err := corpus.ReadIndex(dir)
	if err != nil {
		t.Fatal(err)
	}
	var pods []sentPod
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.File))
		if err != nil {
			t.Fatal(err)
		}
		if !corpus.MountsTwice(decoded(t, content)) {
			pods = append(pods, sentPod{entry, entry.Owner(), content})
		}
	}
	return pods
}

// version names the row that a Pod belongs to.
func (p sentPod) version(t *testing.T) version {
	t.Helper()
	row := version{provisioner: p.Provisioner, userData: "hostPath"}
	if p.Claimed() {
		row.userData = "claim"
	}
	kinds := []gateway{threadDigest, shortDigest, longDigest, noThread}
	i := slices.IndexFunc(kinds, func(g gateway) bool { return g.mints(pair{p.owner, p.Thread}) == p.SandboxID })
	if i < 0 {
		t.Fatalf("%s: no gateway mints %s for %s and %s", p.File, p.SandboxID, p.owner, p.Thread)
	}
	row.gateway = kinds[i]
	if p.owner == "default" && p.namesNobody() && row.gateway != threadDigest {
		row.userData += ", of `default`"
	}
	return row
}

// namesNobody reports whether nothing of a Pod names its owner: provisioners up to the April of 2026 knew
// none, and up to July those of hostPath volumes wrote none into the path.
func (p sentPod) namesNobody() bool {
	return p.Provisioner < "2026-05" || p.Provisioner < "2026-07" && !p.Claimed()
}

// ofAllGateways returns a Pod as each kind of gateway would have had it, and also as one of another owner
// where the Pod does not say whose it is.
func (p sentPod) ofAllGateways(t *testing.T) []sentPod {
	t.Helper()
	if !p.HasThread() {
		return []sentPod{p}
	}
	owners := []string{p.owner}
	if p.namesNobody() {
		owners = []string{"default", "grace"}
	}
	var all []sentPod
	for _, owner := range owners {
		for _, g := range []gateway{threadDigest, shortDigest, longDigest} {
			made := p
			made.owner, made.SandboxID = owner, g.mints(pair{owner, p.Thread})
			pod := decoded(t, p.content)
			pod["metadata"].(map[string]any)["labels"].(map[string]any)["sandbox-id"] = made.SandboxID
			content, err := json.Marshal(pod)
			if err != nil {
				t.Fatal(err)
			}
			made.content = content
			all = append(all, made)
		}
	}
	return all
}

func decoded(t *testing.T, content []byte) map[string]any {
	t.Helper()
	var pod map[string]any
	if err := json.Unmarshal(content, &pod); err != nil {
		t.Fatal(err)
	}
	return pod
}
