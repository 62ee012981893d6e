package chart

import (
	"testing"
)

// What kubectl applies is what helm would install, and the namespace.
func TestInstallYAML(t *testing.T) {
	golden(t, "# Userscope with DeerFlow's policy, rendered from chart/ by `make manifests`.\n"+
		render(t, "createNamespace: true"), "manifests", "install.yaml")
}

func TestLint(t *testing.T) {
	if out, problem, err := helm(t, "", "lint", "--strict", path(t, "manifests", "chart")); err != nil {
		t.Errorf("helm lint: %v\n%s%s", err, out, problem)
	}
}
