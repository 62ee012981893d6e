package facts

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/webhook/scope"
)

// No template and no rule in CEL holds a default, list, limit or refusal that the facts hold: it would go
// its own way. Names of fields, such as volume types, stand there for what they are.
func TestNothingIsRestated(t *testing.T) {
	names := []string{"volumeTypes", "projections", "mountFields", "allowLists", "baseline.seccompProfiles", "baseline.appArmorProfiles", "labels.identifying", "labels.identifyingPrefix", "labels.controllers", "labels.any"}
	var facts map[string]any
	if err := json.Unmarshal([]byte(read(t, factsFile)), &facts); err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, pattern := range []string{"../chart/templates/*", "../chart/files/backstop/*"} {
		found, err := filepath.Glob(filepath.FromSlash(pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %q, %v", pattern, found, err)
		}
		files = append(files, found...)
	}
	values := 0
	eachLeaf("", facts, func(path string, value any) {
		if slices.Contains(names, path) || value == "" {
			return
		}
		values++
		restated := restating(value)
		for _, file := range files {
			if found := restated.FindString(read(t, file)); found != "" {
				t.Errorf("%s: restates %s, which is %s in manifests/chart/files/facts.json", filepath.Join("manifests", "facts", file), found, path)
			}
		}
	})
	if values < 70 {
		t.Errorf("%d facts were looked for", values)
	}
}

// restating finds a fact as a number, as a text between quotation marks or, if it is long enough to be
// nothing else, anywhere. Behind a group of ServiceAccounts may stand a namespace.
func restating(value any) *regexp.Regexp {
	text, isText := value.(string)
	switch {
	case !isText:
		return regexp.MustCompile(`\b` + fmt.Sprint(value) + `\b`)
	case len(text) > 12:
		return regexp.MustCompile(regexp.QuoteMeta(text) + `([^:a-z]|$)`)
	default:
		return regexp.MustCompile(regexp.QuoteMeta(`"` + text + `"`))
	}
}

// eachLeaf visits the texts and numbers below a value of JSON, each with its path. The entries of a list
// have the list's path.
func eachLeaf(path string, value any, visit func(path string, value any)) {
	switch value := value.(type) {
	case map[string]any:
		for key, member := range value {
			eachLeaf(strings.TrimPrefix(path+"."+key, "."), member, visit)
		}
	case []any:
		for _, entry := range value {
			eachLeaf(path, entry, visit)
		}
	case bool:
	default:
		visit(path, value)
	}
}

// DeerFlow's policy shows every default, so that people see what they may change.
func TestDeerFlowShowsDefaults(t *testing.T) {
	facts, err := New()
	if err != nil {
		t.Fatal(err)
	}
	var deerFlow struct{ Spec map[string]any }
	text := read(t, filepath.Join("..", "policies", "deerflow.yaml"))
	if err := yaml.Unmarshal([]byte(text), &deerFlow); err != nil {
		t.Fatal(err)
	}
	for name, initial := range facts.Defaults {
		if shown := deerFlow.Spec[name]; !reflect.DeepEqual(shown, initial) {
			t.Errorf("manifests/policies/deerflow.yaml: spec.%s: shows %v, and the default is %v", name, shown, initial)
		}
	}
	limits := fmt.Sprintf("at most %d characters for a user and %d for a", facts.IDs.UserLength, facts.IDs.ThreadLength)
	if !strings.Contains(text, limits) {
		t.Errorf("manifests/policies/deerflow.yaml: does not say %q", limits)
	}
}

// The backstop gives every refusal of the facts, each in its rule's file, and no other by such a name.
func TestMessagesAreUsed(t *testing.T) {
	facts, err := New()
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`messages\["([^"]*)"\]`)
	given := map[string]bool{}
	files, err := filepath.Glob(filepath.Join("..", "chart", "files", "backstop", "*.cel"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, name := range named.FindAllStringSubmatch(read(t, file), -1) {
			rule, short, _ := strings.Cut(name[1], ".")
			if facts.Messages[scope.Rule(rule)][short] == "" || filepath.Base(file) != rule+".cel" {
				t.Errorf("%s: gives %s, which is no message of its rule in manifests/chart/files/facts.json", filepath.Join("manifests", "facts", file), name[0])
			}
			given[name[1]] = true
		}
	}
	for rule, messages := range facts.Messages {
		for short := range messages {
			if !given[string(rule)+"."+short] {
				t.Errorf("manifests/chart/files/backstop/%s.cel: does not give messages[%q]", rule, string(rule)+"."+short)
			}
		}
	}
}
