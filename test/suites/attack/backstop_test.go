package attack

import (
	"context"
	"slices"
	"strings"
	"testing"

	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/suites/backstop"
)

// installBackstop has the backstop judge in the sites.
func installBackstop(ctx context.Context, sites ...site) error {
	file, err := repo.Path("manifests", "policies", "deerflow.yaml")
	if err != nil {
		return err
	}
	policies, err := backstop.ReadPolicies(file)
	if err != nil {
		return err
	}
	var namespaces []string
	for _, s := range sites {
		namespaces = append(namespaces, s.namespace)
	}
	policies[0].Spec["namespaces"] = namespaces
	objects, err := backstop.Render(ctx, policies)
	if err != nil {
		return err
	}
	return objects.InstallPolicies(ctx, typed[admin])
}

// Without the webhook, and with stamps that the attacker forges, the backstop holds every attack but
// those on the proof, since CEL has no hash, and stamps on a Pod that shows nobody's data.
func TestBackstop(t *testing.T) {
	beyond := []string{"another sandbox's id", "stamps on a Pod of nobody", "a plain Pod as bob's"}
	for _, group := range attacks(t) {
		t.Run(group.Title, func(t *testing.T) {
			for _, attack := range group.Attacks {
				t.Run(attack.Name, func(t *testing.T) {
					for _, dryRun := range attack.tries() {
						got := attack.request(t, backed, dryRun)
						if held := got.refusedBy != ""; held == slices.Contains(beyond, attack.Name) {
							t.Errorf("dry run %t: %s\n\t%s", dryRun, got.fate(), strings.Join(got.findings, "\n\t"))
						}
					}
				})
			}
		})
	}
}
