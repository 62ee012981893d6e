// Package architecture holds the product to the shape of its code: which package may import
// which.
package architecture

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "userscope.dev/userscope/"

// list runs go list in the product's module.
func list(t *testing.T, args ...string) []string {
	t.Helper()
	command := exec.Command("go", append([]string{"list"}, args...)...)
	command.Dir = "../../.."
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return strings.Fields(string(out))
}

// TestDecisionIsPure keeps the decision, the policies that it asks and the Pods that it is asked about
// free of everything that could make it answer differently twice, or slowly: it may not even see a
// client, a logger, a file or a clock.
func TestDecisionIsPure(t *testing.T) {
	for name, ours := range map[string][]string{
		"webhook/policy":  nil,
		"webhook/podjson": nil,
		"webhook/scope":   {"webhook/policy", "webhook/podjson"},
	} {
		isPure(t, name, ours)
	}
}

// isPure looks at the imports of a package, and at the packages of this module that it depends on.
func isPure(t *testing.T, name string, ours []string) {
	t.Helper()
	forbiddenAnywhere := []string{
		"k8s.io/client-go", "sigs.k8s.io/controller-runtime", "github.com/prometheus", "google.golang.org/grpc",
	}
	for _, dependency := range list(t, "-deps", "./"+name) {
		own, isOurs := strings.CutPrefix(dependency, module)
		if isOurs && own != name && !slices.Contains(ours, own) {
			t.Errorf("%s depends on %s", name, own)
		}
		for _, prefix := range forbiddenAnywhere {
			if strings.HasPrefix(dependency, prefix) {
				t.Errorf("%s depends on %s", name, dependency)
			}
		}
	}

	forbiddenDirectly := []string{
		"os", "io", "net", "net/http", "log", "log/slog", "time", "context", "math/rand", "math/rand/v2", "crypto/rand",
		"sync", "runtime", "syscall", "unsafe", "github.com/go-logr/logr", "k8s.io/klog/v2",
	}
	imports := list(t, "-f", `{{join .Imports "\n"}}`, "./"+name)
	if !slices.Contains(imports, "k8s.io/api/core/v1") {
		t.Fatalf("go list does not show the imports: %v", imports)
	}
	for _, imported := range imports {
		if slices.Contains(forbiddenDirectly, imported) {
			t.Errorf("%s imports %s", name, imported)
		}
	}
}

// TestPlanIsPure keeps what an issuer decides free of clocks, files, keys and clusters: a test visits every
// state that it can be asked about.
func TestPlanIsPure(t *testing.T) {
	allowed := []string{"errors", "fmt", "slices", "time"}
	imports := list(t, "-f", `{{join .Imports "\n"}}`, "./certs/rotation")
	if !slices.Contains(imports, "time") {
		t.Fatalf("go list does not show the imports: %v", imports)
	}
	for _, imported := range imports {
		if !slices.Contains(allowed, imported) {
			t.Errorf("certs/rotation imports %s", imported)
		}
	}
	files, err := filepath.Glob("../../../certs/rotation/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, clock := range []string{"time.Now", "time.Since", "time.Until", "time.After(", "time.Sleep", "time.NewT"} {
			if strings.Contains(string(source), clock) {
				t.Errorf("%s calls %s", file, clock)
			}
		}
	}
}

// TestCertsAndWebhookAreApart keeps the two sides of the program free of each other: cmd joins them.
func TestCertsAndWebhookAreApart(t *testing.T) {
	for _, side := range []struct{ from, to string }{{"./certs/...", "webhook/"}, {"./webhook/...", "certs/"}} {
		for _, dependency := range list(t, "-deps", side.from) {
			if strings.HasPrefix(dependency, module+side.to) {
				t.Errorf("%s depends on %s", side.from, dependency)
			}
		}
	}
}

// TestImportsPointOneWay keeps the packages in layers: each may import those of the layers
// before it, and none of its own or a later one.
func TestImportsPointOneWay(t *testing.T) {
	layers := [][]string{
		{"manifests/policies", "migrate/claim", "webhook/limits", "webhook/policy", "webhook/podjson", "webhook/yamlstream", "certs/rotation"},
		{"migrate/inuse", "migrate/journal", "migrate/owners", "webhook/policy/load", "webhook/scope", "certs/pki"},
		{"migrate", "webhook/admission", "certs/serving", "certs/issuer"},
		{"webhook/server", "certs/status"},
		{"cmd/userscope", "manifests/facts"},
	}
	layer := map[string]int{}
	for i, packages := range layers {
		for _, name := range packages {
			layer[module+name] = i
		}
	}
	for _, name := range list(t, "./...") {
		own, known := layer[name]
		if !known {
			t.Errorf("%s has no layer: say in this test where it belongs", name)
			continue
		}
		for _, imported := range list(t, "-f", `{{join .Imports "\n"}}`, name) {
			if other, ours := layer[imported]; ours && other >= own {
				t.Errorf("%s imports %s, which is not in a layer before it", name, imported)
			}
		}
	}
}

// TestOnlyTheWebhookDecides keeps the decision from those who only ask what a policy says.
func TestOnlyTheWebhookDecides(t *testing.T) {
	for _, line := range list(t, "-f", `{{.ImportPath}}:{{join .Deps ","}}`, "./...") {
		name, dependencies, _ := strings.Cut(line, ":")
		own := strings.TrimPrefix(name, module)
		if slices.Contains([]string{"webhook/scope", "webhook/admission", "cmd/userscope", "manifests/facts"}, own) {
			continue
		}
		if slices.Contains(strings.Split(dependencies, ","), module+"webhook/scope") {
			t.Errorf("%s depends on webhook/scope: webhook/policy says what a policy is", own)
		}
	}
}
