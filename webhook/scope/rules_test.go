package scope

import (
	"os"
	"slices"
	"testing"
)

// TestRuleNames holds the names against the folders of the fixtures: people and alerts depend on names, so
// that a name which changes must be changed in two places.
func TestRuleNames(t *testing.T) {
	entries, err := os.ReadDir("../../test/pods/fixtures")
	if err != nil {
		t.Fatal(err)
	}
	var folders []Rule
	for _, entry := range entries {
		if entry.IsDir() {
			folders = append(folders, Rule(entry.Name()))
		}
	}
	names := Rules()
	slices.Sort(names)
	if !slices.Equal(names, folders) {
		t.Errorf("rules %v, and folders in test/pods/fixtures %v", names, folders)
	}
	var identity []Rule
	for _, rule := range names {
		if rule.Identity() {
			identity = append(identity, rule)
		}
	}
	if want := []Rule{"identity-conflict", "identity-invalid", "identity-missing", "identity-unproven"}; !slices.Equal(identity, want) {
		t.Errorf("about the identity: %v, want %v", identity, want)
	}
}
