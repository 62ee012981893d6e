package chart

import (
	"strings"
	"testing"
)

// The policy that `userscope check` is tried with is the one that the chart installs, comments
// included.
func TestDefaultPolicy(t *testing.T) {
	_, spec, found := strings.Cut(read(t, "manifests", "policies", "deerflow.yaml"), "\nspec:\n")
	if !found {
		t.Fatal("the policy file has no spec")
	}
	var indented strings.Builder
	for line := range strings.Lines(spec) {
		if strings.TrimSpace(line) != "" {
			indented.WriteString("    ")
		}
		indented.WriteString(line)
	}
	want := "\npolicies:\n  - name: deer-flow\n    spec:\n" + indented.String() + "\n# --"
	if !strings.Contains(read(t, "manifests", "chart", "values.yaml"), want) {
		t.Errorf("values.yaml does not hold this:\n%s", want)
	}
}
