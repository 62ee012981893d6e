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
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(read(t, "manifests", "chart", "values.yaml")), &document); err != nil {
		t.Fatal(err)
	}
	table := "| Key | Type | Default | Description |\n|---|---|---|---|\n" + strings.Join(rows(t, "", document.Content[0]), "")
	const begin, end = "<!-- The table is made of values.yaml by `make manifests`. -->\n", "<!-- Here it ends. -->\n"
	before, rest, found := strings.Cut(read(t, "manifests", "chart", "README.md"), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("manifests/chart/README.md: has no place for the table")
	}
	golden(t, before+begin+table+end+after, "manifests", "chart", "README.md")
}

// rows describes the values of a mapping. A key whose comment begins with -- is a value of the
// chart, and every other must be a mapping of such.
func rows(t *testing.T, prefix string, mapping *yaml.Node) []string {
	t.Helper()
	var all []string
	for i := 0; i < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		name := prefix + key.Value
		text, described := strings.CutPrefix(comment(key), "-- ")
		switch {
		case described:
			all = append(all, row(t, name, text, value))
		case value.Kind == yaml.MappingNode:
			all = append(all, rows(t, name+".", value)...)
		default:
			t.Errorf("values.yaml: %s has no comment that begins with --", name)
		}
	}
	return all
}

// comment joins the lines of the comment that stands right before a key.
func comment(key *yaml.Node) string {
	blocks := strings.Split(key.HeadComment, "\n\n")
	last := blocks[len(blocks)-1]
	lines := strings.Split(last, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "# ")
	}
	return strings.Join(lines, " ")
}

func row(t *testing.T, name, text string, value *yaml.Node) string {
	t.Helper()
	text, shown, replaced := strings.Cut(text, " @default -- ")
	if !replaced {
		var content any
		if err := value.Decode(&content); err != nil {
			t.Fatal(err)
		}
		asYAML, err := sigsyaml.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		asJSON, err := sigsyaml.YAMLToJSON(asYAML)
		if err != nil {
			t.Fatal(err)
		}
		shown = "`" + string(asJSON) + "`"
	}
	kind := map[string]string{"!!str": "string", "!!int": "int", "!!bool": "bool", "!!map": "object", "!!seq": "list", "!!null": "int"}[value.Tag]
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, kind, shown, strings.ReplaceAll(text, "|", `\|`))
}
