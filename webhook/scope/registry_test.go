package scope

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// source is what a file of this package says of rules.
type source struct {
	constants map[string]string // the rules that it declares, by the names of their constants
	refuses   map[string]bool   // the constants of the rules that it refuses for
	checks    []string          // the checks that it declares
	names     map[string]bool   // all names that it uses
}

// readFiles reads the package's files, by name.
func readFiles(t *testing.T) map[string]source {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]source{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		s := source{constants: map[string]string{}, refuses: map[string]bool{}, names: map[string]bool{}}
		ast.Inspect(file, s.read)
		all[name] = s
	}
	return all
}

func (s *source) read(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.FuncDecl:
		if strings.HasPrefix(node.Name.Name, "check") {
			s.checks = append(s.checks, node.Name.Name)
		}
		if node.Body != nil {
			ast.Inspect(node.Body, s.read)
		}
		return false
	case *ast.ValueSpec:
		if kind, ok := node.Type.(*ast.Ident); ok && kind.Name == "Rule" && len(node.Values) == 1 {
			s.constants[node.Names[0].Name] = strings.Trim(node.Values[0].(*ast.BasicLit).Value, `"`)
		}
	case *ast.CallExpr:
		if called, ok := node.Fun.(*ast.SelectorExpr); ok && called.Sel.Name == "refuse" {
			if rule, ok := node.Args[0].(*ast.Ident); ok {
				s.refuses[rule.Name] = true
			}
		}
	case *ast.Ident:
		s.names[node.Name] = true
	}
	return true
}

// TestEveryRuleIsRegistered holds constants, files, checks and registry to each other: each rule has a
// file that is named after it, which alone refuses for it, and whose checks are made.
func TestEveryRuleIsRegistered(t *testing.T) {
	files := readFiles(t)
	fileOf := map[string]string{} // by constant
	for _, s := range files {
		for constant, id := range s.constants {
			fileOf[constant] = "rule_" + strings.ReplaceAll(id, "-", "_") + ".go"
			if !slices.Contains(Rules(), Rule(id)) {
				t.Errorf("rules.go: %s (%s) is not in the registry", constant, id)
			}
		}
	}
	if len(fileOf) != len(Rules()) {
		t.Errorf("%d constants and %d entries of the registry", len(fileOf), len(Rules()))
	}
	for constant, name := range fileOf {
		if !files[name].refuses[constant] {
			t.Errorf("%s: refuses nothing for %s, or is missing", name, constant)
		}
	}
	for name, s := range files {
		for constant := range s.refuses {
			if want := fileOf[constant]; name != want {
				t.Errorf("%s: refuses for %s, whose file is %s", name, constant, want)
			}
		}
		if strings.HasPrefix(name, "rule_") && len(s.refuses) == 0 {
			t.Errorf("%s: is no rule's file", name)
		}
		for _, check := range s.checks {
			if !files["rules.go"].names[check] && !files["identity.go"].names[check] && !s.names[check] {
				t.Errorf("%s: %s is never made: neither rules.go nor identity.go names it", name, check)
			}
		}
	}
}

// TestRegistry holds each entry to what the pages and the answers take from it.
func TestRegistry(t *testing.T) {
	seen := map[Rule]bool{}
	for _, r := range rules {
		if seen[r.ID] {
			t.Errorf("%s: is there twice", r.ID)
		}
		seen[r.ID] = true
		if !strings.HasSuffix(r.Summary, ".") || strings.Contains(r.Summary, "\n") || r.ID.Summary() != r.Summary {
			t.Errorf("%s: %q is no sentence on one line", r.ID, r.Summary)
		}
		checked := r.before != nil || r.check != nil || r.containers != nil || r.added != nil || r.update != nil || r.delete != nil
		if checked == r.Identity {
			t.Errorf("%s: has a check of its own %t, is about the identity %t: want one of both", r.ID, checked, r.Identity)
		}
	}
	if Rule("unknown").Summary() != "" || Rule("unknown").Identity() {
		t.Error("an unknown rule has an entry")
	}
}
