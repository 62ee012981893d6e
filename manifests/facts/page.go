package facts

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// pageIntro is followed by the lengths of ids, of users and of threads.
const pageIntro = "# The fields of a policy\n\n" +
	"<!-- `make generate` writes this page from the Go types of a policy and their comments. -->\n\n" +
	"A policy file holds one or several policies, divided by `---`. Each has `apiVersion: userscope.dev/v1alpha1`,\n" +
	"`kind: Policy`, a name in `metadata.name`, and a `spec` of the fields below. A field that is not in these tables,\n" +
	"or is there twice, is a mistake. In the chart's values a policy is an entry of `policies` with `name` and `spec`.\n\n" +
	"[manifests/policies](../manifests/policies) has a policy for each platform; DeerFlow's shows nearly every field.\n\n" +
	"A template is a relative path in which `{user}` and `{thread}` stand for the ids of a sandbox. An id is made of\n" +
	"ASCII letters, digits, `_`, `-` and the policy's `idCharacters`. The id of a user has at most %d characters, that\n" +
	"of a thread %d.\n"

// Page returns the text of docs/policy.md. Formats are the descriptions of the definitions of
// values.schema.json. The error names a field whose format has no description.
func Page(facts *Facts, spec Field, formats map[string]string) (string, error) {
	page := &strings.Builder{}
	fmt.Fprintf(page, pageIntro, facts.IDs.UserLength, facts.IDs.ThreadLength)
	for _, f := range spec.all() {
		if f.Fields == nil {
			continue
		}
		title := "`spec." + f.Path + "`"
		if f.Path == "" {
			title = "`spec`"
		}
		fmt.Fprintf(page, "\n## %s\n\n| Field | Type | Default | Constraint | Meaning |\n|---|---|---|---|---|\n", title)
		for _, below := range f.Fields {
			constraint, err := below.constraint(formats)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(page, "| `%s` | %s | %s | %s | %s |\n",
				below.Name, below.typeName(), below.initial(facts.Defaults), inTable(constraint), inTable(below.Comment))
		}
	}
	return page.String(), nil
}

// inTable escapes a text for a cell of a table.
func inTable(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// typeName returns the type of a field as YAML has it.
func (f Field) typeName() string {
	names := map[reflect.Kind]string{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Int64: "integer", reflect.Struct: "object", reflect.Map: "map of strings",
	}
	if f.Type.Kind() == reflect.Slice {
		return "list of " + names[f.element().Kind()] + "s"
	}
	if f.Type.Kind() == reflect.Map && f.Type.Elem().Kind() == reflect.Slice {
		return "map of lists of strings"
	}
	if f.Type.Kind() == reflect.Map && f.Type.Elem().Kind() == reflect.Interface {
		return names[reflect.Struct]
	}
	return names[f.Type.Kind()]
}

// initial returns the default of a field, with each entry of a list in a line of its own. That of an object
// stands with the fields below it.
func (f Field) initial(defaults map[string]any) string {
	var value any = defaults
	for name := range strings.SplitSeq(f.Path, ".") {
		members, ok := value.(map[string]any)
		if !ok {
			return ""
		}
		value = members[name]
	}
	entries := []any{value}
	switch value := value.(type) {
	case nil, map[string]any:
		return ""
	case []any:
		entries = value
	}
	lines := make([]string, len(entries))
	for i, entry := range entries {
		text, err := json.Marshal(entry)
		if err != nil {
			panic(err) // it was read from JSON
		}
		lines[i] = "`" + strings.Trim(string(text), `"`) + "`"
	}
	return strings.Join(lines, "<br>")
}

// constraint says which values a field may have. The error tells that the field's format has no
// description.
func (f Field) constraint(formats map[string]string) (string, error) {
	var parts []string
	if f.Required {
		parts = append(parts, "required")
		if slices.Contains([]reflect.Kind{reflect.Slice, reflect.Map}, f.Type.Kind()) {
			parts = append(parts, "at least one")
		}
	}
	each := ""
	if f.Type.Kind() == reflect.Slice {
		each = "each "
		parts = append(parts, "none twice")
	}
	switch {
	case f.Format != "":
		description := formats[f.Format]
		if description == "" {
			return "", fmt.Errorf("values.schema.json: the definition %s, the format of %s, has no description", f.Format, f.Path)
		}
		parts = append(parts, each+description)
	case f.Values != nil:
		parts = append(parts, each+"`"+strings.Join(f.Values, "`, `")+"`")
	}
	return strings.Join(parts, ", "), nil
}
