package census

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/pods/fixtures"
	"userscope.dev/userscope/webhook/scope"
)

var update = flag.Bool("update", false, "write docs/fields.md")

func sectionsOf(t *testing.T) []Section {
	t.Helper()
	sections, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return sections
}

// TestEveryFieldHasARow fails for a field that a new version of Kubernetes brings, until somebody has
// looked at it, and for a row of a field that is gone.
func TestEveryFieldHasARow(t *testing.T) {
	sections := sectionsOf(t)
	if len(sections) != len(types) {
		t.Fatalf("%s has %d sections, want %d", tableFile, len(sections), len(types))
	}
	for i, section := range sections {
		if section.Type != types[i].Name() {
			t.Fatalf("%s: section %d is %s, want %s", tableFile, i, section.Type, types[i].Name())
		}
		known := map[string]bool{}
		for _, f := range fields(types[i]) {
			known[f.json] = true
			if _, ok := section.Fields[f.json]; !ok {
				t.Errorf("%s: %s.%s has no row: say which rules judge the field, or why it is harmless", tableFile, section.Type, f.json)
			}
		}
		for name, row := range section.Fields {
			checkRow(t, section.Type+"."+name, row)
			if !known[name] {
				t.Errorf("%s: %s.%s is no field of the API", tableFile, section.Type, name)
			}
		}
	}
}

// checkRow holds a row to naming rules that exist, or a reason that is a sentence.
func checkRow(t *testing.T, name string, row Row) {
	t.Helper()
	if (len(row.Judged) == 0) == (row.Harmless == "") {
		t.Errorf("%s: %s: want either judged or harmless", tableFile, name)
	}
	if row.Harmless != "" && !strings.HasSuffix(row.Harmless, ".") {
		t.Errorf("%s: %s: harmless: %q is no sentence", tableFile, name, row.Harmless)
	}
	for _, rule := range row.Judged {
		if !slices.Contains(scope.Rules(), scope.Rule(rule)) {
			t.Errorf("%s: %s: judged: %q is no rule", tableFile, name, rule)
		}
	}
}

// TestJudgedFieldsBreakTheirRules wants, for each field and rule of the table, a Pod that breaks the rule
// and sets the field: a fixture of the rule, or else a good Pod with some value of the field.
func TestJudgedFieldsBreakTheirRules(t *testing.T) {
	path, err := repo.Path()
	if err != nil {
		t.Fatal(err)
	}
	set, err := fixtures.Load(os.DirFS(path))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{} // "RULE TYPE.FIELD"
	for _, f := range set.Fixtures {
		var pod corev1.Pod
		if f.Pass || f.Pod == nil {
			continue
		}
		if err := json.Unmarshal(f.Pod, &pod); err != nil {
			t.Fatalf("%s: %v", f.Path(), err)
		}
		walk(reflect.ValueOf(pod), func(name string) { seen[string(f.Rule)+" "+name] = true })
	}
	for i, section := range sectionsOf(t) {
		for _, f := range fields(types[i]) {
			for _, rule := range section.Fields[f.json].Judged {
				if !seen[rule+" "+section.Type+"."+f.json] && !breaks(t, rule, types[i], f) {
					t.Errorf("no fixture of test/pods/fixtures/%s/fail sets %s.%s", rule, section.Type, f.json)
				}
			}
		}
	}
}

// walk visits the name of every field that is set, as TYPE.FIELD, below an API value.
func walk(value reflect.Value, visit func(string)) {
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			walk(value.Elem(), visit)
		}
	case reflect.Slice:
		for i := range value.Len() {
			walk(value.Index(i), visit)
		}
	case reflect.Struct:
		for f, member := range value.Fields() {
			if !f.IsExported() || member.IsZero() {
				continue
			}
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
				visit(outer(value.Type()) + "." + name)
			}
			walk(member, visit)
		}
	default: // holds no field
	}
}

// outer names the type whose section holds the fields of a type.
func outer(of reflect.Type) string {
	if of == reflect.TypeFor[corev1.VolumeSource]() {
		return "Volume"
	}
	return of.Name()
}

func TestPage(t *testing.T) {
	file, err := repo.Path("docs", "fields.md")
	if err != nil {
		t.Fatal(err)
	}
	want := page(sectionsOf(t))
	if *update {
		if err := os.WriteFile(file, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/fields.md is not what follows from %s: run `make generate`; %v", tableFile, err)
	}
}
