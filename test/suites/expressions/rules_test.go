package expressions

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/webhook/scope"
)

// notInCEL are the rules that the backstop cannot hold, with the reason.
var notInCEL = map[scope.Rule]string{
	scope.RuleIdentityMissing:  "what is stamped on the Pod is its identity; a missing stamp is identity-invalid",
	scope.RuleIdentityConflict: "one stamp says who it is; mounts that spell another identity are claim-mount and host-path",
	scope.RuleIdentityUnproven: "CEL has no hash",
}

// Beside each rule of the decision stands one of the backstop, or the reason why there is none.
func TestEveryRuleHasAFile(t *testing.T) {
	files := ruleFiles(t)
	for _, rule := range scope.Rules() {
		_, excused := notInCEL[rule]
		switch _, held := files[string(rule)]; {
		case held && excused:
			t.Errorf("%s: is held, and said to be one that CEL cannot hold", ruleFile(string(rule)))
		case !held && !excused:
			t.Errorf("%s: is missing: write it, or give the reason in notInCEL", ruleFile(string(rule)))
		}
		delete(files, string(rule))
	}
	for name := range files {
		t.Errorf("%s: is no rule of the decision", ruleFile(name))
	}
	for rule := range notInCEL {
		if !slices.Contains(scope.Rules(), rule) {
			t.Errorf("%s: is no rule of the decision", rule)
		}
	}
}

// ruleFiles returns the contents of the rules' files, by the rules.
func ruleFiles(t *testing.T) map[string]string {
	t.Helper()
	dir, err := repo.Path("manifests", "chart", "files", "backstop")
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.cel"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, file := range found {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimSuffix(filepath.Base(file), ".cel")] = string(content)
	}
	return files
}
