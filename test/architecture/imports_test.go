// Package architecture holds the product to the shape of its code: which package may import
// which.
package architecture

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "userscope.dev/userscope/"

// list runs go list in the product's module.
func list(t *testing.T, args ...string) []string {
	t.Helper()
	command := exec.Command("go", append([]string{"list"}, args...)...)
	command.Dir = "../.."
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return strings.Fields(string(out))
}

// TestScopeIsPure keeps the decision free of everything that could make it answer differently
// twice, or slowly: it may not even see a client, a logger, a file or a clock.
func TestScopeIsPure(t *testing.T) {
	forbiddenAnywhere := []string{
		"k8s.io/client-go", "sigs.k8s.io/controller-runtime", "github.com/prometheus", "google.golang.org/grpc",
	}
	for _, dependency := range list(t, "-deps", "./webhook/scope") {
		if dependency == module+"webhook/scope" {
			continue
		}
		if strings.HasPrefix(dependency, module) {
			t.Errorf("webhook/scope depends on %s", dependency)
		}
		for _, prefix := range forbiddenAnywhere {
			if strings.HasPrefix(dependency, prefix) {
				t.Errorf("webhook/scope depends on %s", dependency)
			}
		}
	}

	forbiddenDirectly := []string{
		"os", "io", "net", "net/http", "log", "log/slog", "time", "context", "math/rand", "math/rand/v2", "crypto/rand",
		"sync", "runtime", "syscall", "unsafe", "github.com/go-logr/logr", "k8s.io/klog/v2",
	}
	imports := list(t, "-f", `{{join .Imports "\n"}}`, "./webhook/scope")
	if !slices.Contains(imports, "k8s.io/api/core/v1") {
		t.Fatalf("go list does not show the imports: %v", imports)
	}
	for _, imported := range imports {
		if slices.Contains(forbiddenDirectly, imported) {
			t.Errorf("webhook/scope imports %s", imported)
		}
	}
}

// TestImportsPointOneWay keeps the packages in layers: each may import those of the layers
// before it, and none of its own or a later one.
func TestImportsPointOneWay(t *testing.T) {
	layers := [][]string{
		{"webhook/documents", "webhook/scope"},
		{"webhook/config"},
		{"webhook/admission"},
		{"webhook/server"},
		{"cmd/userscope"},
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
