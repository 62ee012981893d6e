package attack

import (
	_ "embed" // the attacks
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/test/pods/differential"
)

//go:embed attacks.yaml
var attacksFile []byte

// table is attacks.yaml.
type table struct {
	Sandbox json.RawMessage `json:"sandbox"`
	Groups  []group         `json:"groups"`
	Limits  group           `json:"limits"`
}

// group is a number of attacks that try the same.
type group struct {
	Title   string   `json:"title"`
	Tries   string   `json:"tries"`
	Attacks []attack `json:"attacks"`
}

// attack is something that must not succeed, or that Userscope does not hold and is known for.
type attack struct {
	Name string `json:"name"`
	How  string `json:"how"`
	// Tweak makes the Pod of the table's sandbox. It is not set where request is.
	Tweak json.RawMessage `json:"tweak"`
	// Without and With are its fate without Userscope and with it, as outcome.fate writes it.
	Without string `json:"without"`
	With    string `json:"with"`

	// request makes the attack, for a try or for good.
	request func(t *testing.T, s site, dryRun bool) outcome
	// noTry is set where the answer to a try says nothing.
	noTry bool
}

// tries are the values of dryRun for which to make the request.
func (a attack) tries() []bool {
	if a.noTry {
		return []bool{false}
	}
	return []bool{true, false}
}

// outcome is what became of an attack.
type outcome struct {
	// refusedBy is userscope, backstop or kubernetes, or empty.
	refusedBy string
	// rules are those for which Userscope refuses; none if it cannot read the request.
	rules []string
	// findings are the oracle's, on what was let through.
	findings []string
	// changed is whether the API server holds something else than was sent.
	changed bool
}

// The fates beside rules and invariants.
const (
	byKubernetes = "kubernetes"
	unread       = "unread"
	rewritten    = "rewritten"
	asSent       = "as sent"
)

func (o outcome) fate() string {
	switch {
	case o.refusedBy == byKubernetes:
		return byKubernetes
	case o.refusedBy != "" && len(o.rules) == 0:
		return unread
	case o.refusedBy != "":
		return list(o.rules)
	case len(o.findings) > 0:
		invariants := make([]string, len(o.findings))
		for i, finding := range o.findings {
			invariants[i] = finding[:2]
		}
		return list(invariants)
	case o.changed:
		return rewritten
	default:
		return asSent
	}
}

// list writes a set.
func list(entries []string) string {
	set := map[string]bool{}
	for _, entry := range entries {
		set[entry] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}

func readTable(t *testing.T) table {
	t.Helper()
	var read table
	if err := yaml.UnmarshalStrict(attacksFile, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

// sandbox returns bob's sandbox with a tweak, under a name of its own.
func (a table) sandbox(t *testing.T, name string, tweak []byte) map[string]any {
	t.Helper()
	raw := []byte(a.Sandbox)
	if len(tweak) > 0 {
		patch, err := jsonpatch.DecodePatch(tweak)
		if err != nil {
			t.Fatal(err)
		}
		if raw, err = patch.Apply(raw); err != nil {
			t.Fatal(err)
		}
	}
	pod, err := differential.Object(raw)
	if err != nil {
		t.Fatal(err)
	}
	pod["metadata"].(map[string]any)["name"] = name
	return pod
}

// attacks returns all that must not succeed, the creations of one Pod first.
func attacks(t *testing.T) []group {
	t.Helper()
	read := readTable(t)
	read.prepare(read.Groups)
	return append(read.Groups, requests...)
}

// limits returns what Userscope does not hold.
func limits(t *testing.T) group {
	t.Helper()
	read := readTable(t)
	read.prepare([]group{read.Limits})
	read.Limits.Attacks = append(read.Limits.Attacks, limitedRequests...)
	return read.Limits
}

// prepare has each attack create its Pod.
func (a table) prepare(groups []group) {
	for _, group := range groups {
		for i := range group.Attacks {
			attack := &group.Attacks[i]
			attack.request = func(t *testing.T, s site, dryRun bool) outcome {
				return s.create(t, provisioner, a.sandbox(t, podName(), attack.Tweak), dryRun)
			}
		}
	}
}

// What is an escape without Userscope is none with it.
func TestAttacksAreAttacks(t *testing.T) {
	escape := regexp.MustCompile(`^I\d(, I\d)*$`)
	for _, group := range attacks(t) {
		for _, attack := range group.Attacks {
			if !escape.MatchString(attack.Without) && attack.Without != byKubernetes {
				t.Errorf("%s: %s: without Userscope it is no escape: %s", group.Title, attack.Name, attack.Without)
			}
			if attack.With == asSent || escape.MatchString(attack.With) {
				t.Errorf("%s: %s: with Userscope it succeeds: %s", group.Title, attack.Name, attack.With)
			}
		}
	}
}

func TestAttacks(t *testing.T) {
	for _, group := range append(attacks(t), limits(t)) {
		t.Run(group.Title, func(t *testing.T) {
			for _, attack := range group.Attacks {
				t.Run(attack.Name, func(t *testing.T) {
					for _, where := range []struct {
						site
						want string
					}{{unguarded, attack.Without}, {guarded, attack.With}} {
						for _, dryRun := range attack.tries() {
							got := attack.request(t, where.site, dryRun)
							if got.fate() != where.want {
								t.Errorf("in %s, dry run %t: %s, want %s\n\t%s",
									where.namespace, dryRun, got.fate(), where.want, strings.Join(got.findings, "\n\t"))
							}
						}
					}
				})
			}
		})
	}
}
