package chart

import (
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// TestTable holds the chart's README to the comments in values.yaml.
func TestTable(t *testing.T) {
	table := "| Key | Type | Default | Description |\n|---|---|---|---|\n"
	for _, value := range described(t) {
		table += value.row(t)
	}
	const begin, end = "<!-- The table is made of values.yaml by `make manifests`. -->\n", "<!-- Here it ends. -->\n"
	before, rest, found := strings.Cut(read(t, "manifests", "chart", "README.md"), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("manifests/chart/README.md: has no place for the table")
	}
	golden(t, before+begin+table+end+after, "manifests", "chart", "README.md")
}

// value is one of the chart's.
type value struct {
	name        string // such as image.tag
	description string // the comment
	initial     *yaml.Node
}

// described returns the values of the chart.
func described(t *testing.T) []value {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(read(t, "manifests", "chart", "values.yaml")), &document); err != nil {
		t.Fatal(err)
	}
	return collect(t, "", document.Content[0])
}

// collect returns the values below a mapping. A key whose comment begins with -- is a value, and
// every other must be a mapping of such.
func collect(t *testing.T, prefix string, mapping *yaml.Node) []value {
	t.Helper()
	var all []value
	for i := 0; i < len(mapping.Content); i += 2 {
		key, content := mapping.Content[i], mapping.Content[i+1]
		name := prefix + key.Value
		text, described := strings.CutPrefix(comment(key), "-- ")
		switch {
		case described:
			all = append(all, value{name, text, content})
		case content.Kind == yaml.MappingNode:
			all = append(all, collect(t, name+".", content)...)
		default:
			t.Errorf("values.yaml: %s has no comment that begins with --", name)
		}
	}
	return all
}

// comment joins the lines of the comment that stands right before a key.
func comment(key *yaml.Node) string {
	blocks := strings.Split(key.HeadComment, "\n\n")
	lines := strings.Split(blocks[len(blocks)-1], "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "# ")
	}
	return strings.Join(lines, " ")
}

// row describes a value. Where the default is too long, its comment says what to show instead.
func (v value) row(t *testing.T) string {
	t.Helper()
	description, initial, replaced := strings.Cut(v.description, " @default -- ")
	if !replaced {
		asYAML, err := yaml.Marshal(v.initial)
		if err != nil {
			t.Fatal(err)
		}
		asJSON, err := sigsyaml.YAMLToJSON(asYAML)
		if err != nil {
			t.Fatal(err)
		}
		initial = fmt.Sprintf("%#q", asJSON)
	}
	kind := map[string]string{"!!str": "string", "!!int": "int", "!!bool": "bool", "!!map": "object", "!!seq": "list", "!!null": "int"}[v.initial.Tag]
	return fmt.Sprintf("| %#q | %s | %s | %s |\n", v.name, kind, initial, strings.ReplaceAll(description, "|", `\|`))
}
