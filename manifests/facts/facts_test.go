package facts

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write files/facts.json, the schema of a policy and docs/policy.md")

// Where the three files are.
var (
	factsFile  = filepath.Join("..", "chart", "files", "facts.json")
	schemaFile = filepath.Join("..", "chart", "values.schema.json")
	pageFile   = filepath.Join("..", "..", "docs", "policy.md")
)

// What the chart and the documents take from the Go code is what the Go code says.
func TestGenerated(t *testing.T) {
	facts, err := New()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := Spec()
	if err != nil {
		t.Fatal(err)
	}
	text, err := encode(facts, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, factsFile, string(text))
	schema, err := Schema(read(t, schemaFile), &facts, spec)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, schemaFile, schema)
	page, err := Page(&facts, spec, formats(t, schema))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, pageFile, page)
}

// formats returns the descriptions of the definitions of a schema.
func formats(t *testing.T, text string) map[string]string {
	t.Helper()
	var whole struct {
		Definitions map[string]struct {
			Description string `json:"description"`
		} `json:"definitions"`
	}
	if err := json.Unmarshal([]byte(text), &whole); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for name, definition := range whole.Definitions {
		found[name] = definition.Description
	}
	return found
}

// golden compares a file with what it should hold, or with -update makes it so.
func golden(t *testing.T, file, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, file) != want {
		t.Errorf("%s is not what the Go code says: run `make generate`", filepath.Clean(filepath.Join("manifests", "facts", file)))
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The schema and the page have exactly the fields that a policy has. They are compared with the Go types
// once more, without the generator's own reading of them.
func TestEveryFieldIsThere(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal([]byte(read(t, schemaFile)), &schema); err != nil {
		t.Fatal(err)
	}
	page := read(t, pageFile)
	sections := map[string]string{}
	for _, section := range strings.Split(page, "\n## ")[1:] {
		title, rows, _ := strings.Cut(section, "\n")
		sections[strings.Trim(title, "`")] = rows
	}
	count := 0
	var compare func(path string, fields reflect.Type, schema map[string]any)
	compare = func(path string, fields reflect.Type, schema map[string]any) {
		properties, _ := schema["properties"].(map[string]any)
		if len(properties) != fields.NumField() {
			t.Errorf("manifests/chart/values.schema.json: %s has %d properties, and the Go type %s %d fields", path, len(properties), fields, fields.NumField())
		}
		for i := range fields.NumField() {
			count++
			name, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
			property, ok := properties[name].(map[string]any)
			if !ok {
				t.Errorf("manifests/chart/values.schema.json: %s has no property %s", path, name)
			}
			if !strings.Contains(sections[path], "\n| `"+name+"` | ") {
				t.Errorf("docs/policy.md: has no row for %s.%s", path, name)
			}
			below := fields.Field(i).Type
			for below.Kind() == reflect.Pointer || below.Kind() == reflect.Slice {
				below = below.Elem()
			}
			if items, ok := property["items"].(map[string]any); ok {
				property = items
			}
			if below.Kind() == reflect.Struct && property["$ref"] == nil {
				compare(path+"."+name, below, property)
			}
		}
	}
	definitions, _ := schema["definitions"].(map[string]any)
	spec, _ := definitions["spec"].(map[string]any)
	compare("spec", policyType, spec)
	if count < 30 {
		t.Errorf("a policy has %d fields", count)
	}
}
