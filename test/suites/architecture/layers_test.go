package architecture

import (
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	decision = "../../../webhook/scope"
	// maxAgainst is how many arrows between files of the decision may run against the layers.
	maxAgainst = 5
)

// layerRow is a row of the table of layers: a number, and the files without their suffix.
var layerRow = regexp.MustCompile(`(?m)^//\t(\d+)  (.+)$`)

// TestDecisionIsInLayers holds the decision to the table of layers in its package comment: a file uses
// what the files of the layers before its own declare, and no more than a few identifiers besides.
func TestDecisionIsInLayers(t *testing.T) {
	files, arrows := usesBetweenFiles(t)
	layers, err := readLayers(filepath.Join(decision, "scope.go"), files)
	if err != nil {
		t.Fatal(err)
	}
	against := slices.DeleteFunc(slices.Clone(arrows), func(a arrow) bool { return layers[a.to] < layers[a.from] })
	if len(against) > maxAgainst {
		for _, a := range against {
			t.Errorf("%s of layer %d uses %s of %s, layer %d", a.from, layers[a.from], a.name, a.to, layers[a.to])
		}
		t.Errorf("%d arrows run against the layers, and %d may", len(against), maxAgainst)
	}
	if want := 100; len(arrows) < want {
		t.Errorf("only %d arrows were found, want %d: the test does not see them", len(arrows), want)
	}
}

// TestLayersAreRead breaks the table of layers.
func TestLayersAreRead(t *testing.T) {
	files := []string{"a.go", "b.go", "rule_c.go", "rule_d.go"}
	for _, test := range []struct{ name, table, problem string }{
		{"as it should be", "//\t1  a\n//\t2  rule_*, b\n", ""},
		{"no table", "// Package a.\n", "a.go has no layer"},
		{"a file without a layer", "//\t1  a\n//\t2  rule_*\n", "b.go has no layer"},
		{"a file in two layers", "//\t1  a, b\n//\t2  rule_*, a\n", "a.go has two layers"},
		{"a name of no file", "//\t1  a, b, e\n//\t2  rule_*\n", "e is no file"},
		{"layers out of order", "//\t2  a, b\n//\t1  rule_*\n", "layer 1 follows layer 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "doc.go")
			if err := os.WriteFile(file, []byte(test.table+"package p\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			layers, err := readLayers(file, files)
			if test.problem == "" {
				if want := map[string]int{"a.go": 1, "b.go": 2, "rule_c.go": 2, "rule_d.go": 2}; err != nil || !maps.Equal(layers, want) {
					t.Errorf("got %v, %v, want %v", layers, err, want)
				}
			} else if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("got %v, want %s", err, test.problem)
			}
		})
	}
}

// readLayers reads the table of layers in a file, and gives each of the files its layer.
func readLayers(file string, files []string) (map[string]int, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	layers := map[string]int{}
	var problems []error
	last := 0
	for _, row := range layerRow.FindAllStringSubmatch(string(source), -1) {
		var layer int
		if _, err := fmt.Sscan(row[1], &layer); err != nil {
			return nil, err
		}
		if layer <= last {
			problems = append(problems, fmt.Errorf("layer %d follows layer %d", layer, last))
		}
		last = layer
		for name := range strings.SplitSeq(row[2], ", ") {
			found := false
			for _, candidate := range files {
				if ok, _ := filepath.Match(name+".go", candidate); !ok {
					continue
				}
				found = true
				if layers[candidate] != 0 {
					problems = append(problems, fmt.Errorf("%s has two layers", candidate))
				}
				layers[candidate] = layer
			}
			if !found {
				problems = append(problems, fmt.Errorf("%s is no file", name))
			}
		}
	}
	for _, name := range files {
		if layers[name] == 0 {
			problems = append(problems, fmt.Errorf("%s has no layer", name))
		}
	}
	return layers, errors.Join(problems...)
}

// arrow says that a file uses an identifier that another file declares.
type arrow struct{ from, to, name string }

// usesBetweenFiles returns the decision's files, and the arrows between them: for functions, methods,
// types, fields, constants and variables.
func usesBetweenFiles(t *testing.T) (files []string, arrows []arrow) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(decision, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var parsed []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed, files = append(parsed, file), append(files, filepath.Base(path))
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(set, "gc", exported(t))}
	declared, err := config.Check(module+"webhook/scope", set, parsed, info)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[arrow]bool{}
	for used, object := range info.Uses {
		if object.Pkg() != declared || isLocal(object) {
			continue
		}
		a := arrow{filepath.Base(set.Position(used.Pos()).Filename), filepath.Base(set.Position(object.Pos()).Filename), object.Name()}
		if a.from != a.to && !seen[a] {
			seen[a] = true
			arrows = append(arrows, a)
		}
	}
	slices.SortFunc(arrows, func(a, b arrow) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return files, arrows
}

// isLocal reports whether an object is declared inside a function.
func isLocal(object types.Object) bool {
	switch object := object.(type) {
	case *types.Func:
		return false
	case *types.Var:
		return !object.IsField() && object.Parent() != object.Pkg().Scope()
	default:
		return object.Parent() != object.Pkg().Scope()
	}
}

// exported finds what the compiler wrote of the packages that the decision imports.
func exported(t *testing.T) importer.Lookup {
	t.Helper()
	files := map[string]string{}
	for _, line := range list(t, "-export", "-deps", "-f", `{{if .Export}}{{.ImportPath}}={{.Export}}{{end}}`, "./webhook/scope") {
		name, file, _ := strings.Cut(line, "=")
		files[name] = file
	}
	return func(name string) (io.ReadCloser, error) { return os.Open(files[name]) }
}
