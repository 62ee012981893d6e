package chart

import (
	"os"
	"strings"
	"testing"

	"userscope.dev/userscope/test/repo"
)

// read returns the text of a file of the repository.
func read(t *testing.T, elements ...string) string {
	t.Helper()
	file, err := repo.Path(elements...)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

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
