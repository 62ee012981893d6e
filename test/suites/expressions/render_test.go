package expressions

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/suites/backstop"
)

// policyFiles are the policies that the tests of the decision have in common.
var policyFiles = []string{
	"manifests/policies/deerflow.yaml",
	"test/pods/differential/policies/defaulted.yaml",
	"test/pods/differential/policies/hub.yaml",
	"test/pods/differential/policies/keyed.yaml",
	"test/pods/differential/policies/lists.yaml",
	"test/pods/differential/policies/migrating.yaml",
	"test/pods/differential/policies/mounts-first.yaml",
	"test/pods/differential/policies/two-claims.yaml",
}

// readPolicies reads a policy file as values of the chart.
func readPolicies(t testing.TB, file string) []backstop.Policy {
	t.Helper()
	found, err := repo.Path(strings.Split(file, "/")...)
	if err != nil {
		t.Fatal(err)
	}
	policies, err := backstop.ReadPolicies(found)
	if err != nil {
		t.Fatal(err)
	}
	for i := range policies {
		delete(policies[i].Spec, "keyFile") // CEL has no use for it, and the chart wants to mount it
	}
	return policies
}

// render renders the chart with policies.
func render(t testing.TB, policies []backstop.Policy) *backstop.Objects {
	t.Helper()
	objects, err := backstop.Render(t.Context(), policies)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// variants are DeerFlow's policy with changes, each with a namespace and a name of its own, so that the chart
// is rendered once for many of them.
type variants struct {
	names    map[string]string
	policies map[string][]*policy
}

// newVariants renders DeerFlow's policy with each of the merge patches (RFC 7386) on its spec.
func newVariants(t *testing.T, patches []string) *variants {
	t.Helper()
	v := &variants{names: map[string]string{}, policies: map[string][]*policy{}}
	// Policies that share hostPathBases agree on caseSensitive: the two kinds are rendered apart.
	values := map[bool][]backstop.Policy{}
	for _, patch := range patches {
		if _, ok := v.names[patch]; ok {
			continue
		}
		v.names[patch] = fmt.Sprintf("variant-%d", len(v.names))
		policy := variant(t, v.names[patch], patch)
		caseSensitive := policy.Spec["caseSensitive"] != false
		values[caseSensitive] = append(values[caseSensitive], policy)
	}
	for _, alike := range values {
		for some := range slices.Chunk(alike, maxVariants) {
			v.compile(t, render(t, some))
		}
	}
	return v
}

// maxVariants is for how many policies the condition under which the webhook is asked is short enough.
const maxVariants = 20

// compile adds the policies of a rendered chart.
func (v *variants) compile(t *testing.T, objects *backstop.Objects) {
	t.Helper()
	for i := range objects.Policies {
		of := &objects.Policies[i]
		if of.Name == "userscope-services" {
			continue
		}
		compiled, err := compile(of)
		if err != nil {
			t.Fatal(err)
		}
		namespace := of.Spec.MatchConstraints.NamespaceSelector.MatchExpressions[0].Values[0]
		v.policies[namespace] = append(v.policies[namespace], compiled)
	}
}

func variant(t *testing.T, name, patch string) backstop.Policy {
	t.Helper()
	spec, err := json.Marshal(readPolicies(t, policyFiles[0])[0].Spec)
	if err != nil {
		t.Fatal(err)
	}
	if patch != "" {
		if spec, err = jsonpatch.MergePatch(spec, []byte(patch)); err != nil {
			t.Fatal(err)
		}
	}
	changed := backstop.Policy{Name: name}
	if err := json.Unmarshal(spec, &changed.Spec); err != nil {
		t.Fatal(err)
	}
	delete(changed.Spec, "keyFile")
	changed.Spec["namespaces"] = []string{name}
	return changed
}

// ruleFile is the path of a rule's file in the chart.
func ruleFile(rule string) string {
	return path.Join("manifests/chart/files/backstop", fmt.Sprintf("%s.cel", rule))
}
