package identity

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/suites/corpus"
	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/policy/load"
	"userscope.dev/userscope/webhook/scope"
)

// The files of the repository that are read, from this directory.
const (
	policyFile = "../../../manifests/policies/deerflow.yaml"
	ownPods    = "../corpus/testdata"
	pageFile   = "../../../docs/identity.md"
)

// generatedBelow ends the part of the page that a human writes.
const generatedBelow = "<!-- generated: the table below is written by the tests -->\n"

var update = flag.Bool("update", false, "write the table of docs/identity.md")

// settings are the columns of the table.
var settings = []struct {
	proof       policy.Proof
	defaultUser string
}{
	{policy.ProofAdopted, ""}, {policy.ProofAdopted, "default"},
	{policy.ProofAlways, ""}, {policy.ProofAlways, "default"},
	{policy.ProofNever, ""}, {policy.ProofNever, "default"},
}

// version is a row of the table.
type version struct {
	provisioner, userData string
	gateway               gateway
}

// verdicts are what becomes of one version's Pods, by the settings.
type verdicts [6]string

// TestTable holds the page to what becomes of our own Pods.
func TestTable(t *testing.T) {
	file, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	written, _, ok := strings.Cut(string(file), generatedBelow)
	if !ok {
		t.Fatalf("%s has no line %s", pageFile, generatedBelow)
	}
	want := written + generatedBelow + "\n" + render(judgeFolder(t, ownPods))
	switch {
	case string(file) == want:
	case *update:
		if err := os.WriteFile(pageFile, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s does not say what follows from the decision; after checking, run go test ./suites/identity -update\nwant:\n%s", pageFile, want[len(written):])
	}
}

// TestCorpus holds the table to real Pods, where there are some.
func TestCorpus(t *testing.T) {
	table := judgeFolder(t, ownPods)
	for _, folder := range corpus.RealFolders() {
		for _, sent := range readFolder(t, folder) {
			row, got := sent.version(t), judge(t, sent.content)
			if want, ok := table[row]; !ok || got != want {
				t.Errorf("%s, %+v:\ngot  %q\nwant %q, as of our own Pods", sent.File, row, got, want)
			}
		}
	}
}

// judgeFolder decides on every Pod of a folder, as each gateway would have it, under all settings. Pods
// of one row come out alike.
func judgeFolder(t *testing.T, dir string) map[version]verdicts {
	t.Helper()
	table := map[version]verdicts{}
	for _, original := range readFolder(t, dir) {
		for _, sent := range original.ofAllGateways(t) {
			row, got := sent.version(t), judge(t, sent.content)
			if want, ok := table[row]; ok && got != want {
				t.Errorf("%s: %q\nother Pods of %+v: %q", sent.File, got, row, want)
			}
			table[row] = got
		}
	}
	return table
}

// judge says what becomes of a Pod under each setting.
func judge(t *testing.T, pod []byte) verdicts {
	t.Helper()
	var got verdicts
	for i, setting := range settings {
		got[i] = decide(t, policies(t, setting.proof, setting.defaultUser), pod)
	}
	return got
}

// policies are DeerFlow's, with the settings.
func policies(t *testing.T, proof policy.Proof, defaultUser string) policy.Policies {
	t.Helper()
	shipped, err := os.ReadFile(policyFile)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSONStrict(shipped)
	if err != nil {
		t.Fatal(err)
	}
	patch := fmt.Sprintf(`{"spec": {"proof": %q, "defaultUser": %q}}`, proof, defaultUser)
	set, err := jsonpatch.MergePatch(asJSON, []byte(patch))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := load.Parse(policyFile, set)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// decide says in words what becomes of a Pod that the provisioner sends.
func decide(t *testing.T, policies policy.Policies, pod []byte) string {
	t.Helper()
	parsed, unknown, err := podjson.Parse(pod)
	if err != nil {
		t.Fatal(err)
	}
	decision := scope.Create(policies, scope.Request{
		Namespace: controlplane.Namespace,
		Creator:   scope.Creator{Username: controlplane.Provisioner},
		Pod:       parsed,
		Unknown:   unknown,
	})
	words := string(decision.Verdict)
	if decision.Verdict == scope.Refused {
		var rules []string
		for _, violation := range decision.Violations {
			rules = append(rules, string(violation.Rule))
		}
		words += ": " + strings.Join(rules, ", ")
	} else if decision.Identity.Source == policy.SourceDefault {
		words += ", as `" + decision.Identity.User + "`"
	}
	return words
}

// render writes the table. Gateways that make no difference share a row.
func render(table map[version]verdicts) string {
	var page strings.Builder
	heads := []string{"provisioner", "user data", "gateway"}
	for _, setting := range settings {
		head := "`" + string(setting.proof) + "`"
		if setting.defaultUser != "" {
			head += " + `defaultUser`"
		}
		heads = append(heads, head)
	}
	line := func(cells ...string) { fmt.Fprintf(&page, "| %s |\n", strings.Join(cells, " | ")) }
	line(heads...)
	fmt.Fprintf(&page, "|%s\n", strings.Repeat("---|", len(heads)))
	rows := slices.SortedFunc(maps.Keys(table), func(a, b version) int {
		return cmp.Or(cmp.Compare(a.provisioner, b.provisioner), cmp.Compare(a.userData, b.userData), cmp.Compare(a.gateway, b.gateway))
	})
	for i := 0; i < len(rows); {
		row, got := rows[i], table[rows[i]]
		var gateways []string
		for ; i < len(rows) && rows[i].provisioner == row.provisioner && rows[i].userData == row.userData && table[rows[i]] == got; i++ {
			gateways = append(gateways, rows[i].gateway.String())
		}
		line(append([]string{row.provisioner, row.userData, strings.Join(gateways, "; ")}, got[:]...)...)
	}
	return page.String()
}
