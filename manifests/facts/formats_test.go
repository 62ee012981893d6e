package facts

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"userscope.dev/userscope/webhook/policy/load"
)

// texts are what people may write where a policy wants a string.
var texts = []string{
	"", "a", "A", "a-b", "a_b", "a.b", "-a", "a-", "a/b", "a.b/c", "a..b/c", "/a", "/a/", "//a", "/", "/a/./b", "/a/../b", "/..a", "/...", "/a:b",
	"a/", "a//b", "./a", "a/..", "..", "..a", ".a", "{user}", "{thread}", "data/{user}", "{user}/{thread}", "{user}:{thread}", "old/{thread}", "x{user}", "{other}", "a/../{user}",
	"Sandbox.agents.x-k8s.io", "Job.apps.example.com", "ReplicaSet.apps", "Pod.core", "Pod.", "Pod..x", "Jobs.x.y", "-a.b.c", "a-.b.c", "a.b.c-", "a.B.c",
	"[a-", "(a)", "a b", "ä", "a.", "a /b", "a./{user}", "e\u0301", "e\u0301/{user}", "csi", "secret", "Adopted", "ReadOnly", "NET_RAW", "SYS_ADMIN",
	strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 254), strings.Repeat("a", 256),
}

// known tells whether one of the two alone refuses a text of a field, for a reason that the other cannot see.
func known(path, text string) (byLoadAlone, bySchemaAlone bool) {
	long := strings.Contains(path, "layout.") && (len(text) > 255 || strings.HasPrefix(text, "e\u0301")) // a segment of a path, or not NFC
	switch path {
	case "layout.legacyUserData":
		return text == "{thread}", false // it lies above the user-data directory
	case "layout.directories[].path":
		return long || text == "{thread}" || text == "old/{thread}" || // it needs a user beside the thread
			text == "{user}" || text == "{user}/{thread}", false // it overlaps with the user-data directory
	case "proofOf":
		return text == "{user}", false // the layout has threads
	case "defaultUser":
		return strings.Contains(text, "."), false // the policy admits no dots, which the schema of the whole spec says
	case "allow.claims":
		return false, true // no Pod can name such a claim
	}
	return long, false
}

// What the schema refuses, the webhook refuses in a policy file, and the other way round: a policy that
// one alone takes would be rendered and never be in force, or could not be installed.
func TestSchemaAgreesWithLoad(t *testing.T) {
	spec, err := Spec()
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]any
	if err := json.Unmarshal([]byte(read(t, schemaFile)), &whole); err != nil {
		t.Fatal(err)
	}
	definitions := whole["definitions"].(map[string]any)
	count := 0
	for _, f := range spec.all() {
		// The webhook takes a relative keyFile, too, and wants it to be there.
		if f.element().Kind() != reflect.String || f.Path == "keyFile" {
			continue
		}
		element, err := elementSchema(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			count++
			byLoad, refusal := refusedByLoad(t, f, text)
			bySchema := refusedBySchema(t, definitions, asMap(t, element), text) && (!f.Optional || text != "")
			byLoadAlone, bySchemaAlone := known(f.Path, text)
			if byLoad && !bySchema && !byLoadAlone || bySchema && !byLoad && !bySchemaAlone {
				t.Errorf("%s: %q: refused by the schema: %t, by the webhook: %t %s", f.Path, text, bySchema, byLoad, refusal)
			}
		}
	}
	if count < 500 {
		t.Errorf("%d texts were tried", count)
	}
}

// refusedByLoad reports whether a policy file is refused for a text in one of its fields, and how.
func refusedByLoad(t *testing.T, f Field, text string) (refused bool, how string) {
	t.Helper()
	policy := map[string]any{
		"namespaces": []any{"sandboxes"}, "claim": "homes", "selector": map[string]any{"app": "sandbox"}, "proof": "Never",
		"layout": map[string]any{"userData": "home/{user}/{thread}/data"},
	}
	var value any = text
	if f.Type.Kind() == reflect.Slice {
		value = []any{text}
	}
	path := f.Path
	switch above, name, nested := strings.Cut(f.Path, "."); {
	case !nested:
		policy[f.Path] = value
	case f.Path == "layout.directories[].path" || f.Path == "layout.directories[].access":
		directory := map[string]any{"path": "other/{user}", "access": "ReadOnly"}
		directory[f.Name] = text
		policy["layout"].(map[string]any)["directories"] = []any{directory}
		path = "layout.directories[0]." + f.Name
	default:
		members, ok := policy[above].(map[string]any)
		if !ok {
			members = map[string]any{}
			policy[above] = members
		}
		members[name] = value
	}
	file, err := json.Marshal(map[string]any{
		"apiVersion": load.APIVersion, "kind": load.Kind, "metadata": map[string]any{"name": "trial"}, "spec": policy,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = load.Parse("trial", file); err == nil {
		return false, ""
	}
	mistake := regexp.MustCompile(`(?m)^trial: spec\.` + regexp.QuoteMeta(path) + `[:\[]`)
	if !mistake.MatchString(err.Error()) {
		t.Fatalf("%s: %q: another field is refused: %v", f.Path, text, err)
	}
	return true, err.Error()
}

func asMap(t *testing.T, s schema) map[string]any {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var found map[string]any
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// refusedBySchema evaluates the schema of a string, with the few keywords that such schemas use here.
func refusedBySchema(t *testing.T, definitions, schema map[string]any, text string) bool {
	t.Helper()
	for keyword, value := range schema {
		refused := false
		switch keyword {
		case "description":
		case "type":
			refused = value != "string"
		case "$ref":
			name := strings.TrimPrefix(value.(string), "#/definitions/")
			refused = refusedBySchema(t, definitions, definitions[name].(map[string]any), text)
		case "allOf":
			refused = slices.ContainsFunc(value.([]any), func(part any) bool { return refusedBySchema(t, definitions, part.(map[string]any), text) })
		case "not":
			refused = !refusedBySchema(t, definitions, value.(map[string]any), text)
		case "enum":
			refused = !slices.Contains(value.([]any), any(text))
		case "pattern":
			refused = !regexp.MustCompile(value.(string)).MatchString(text)
		case "minLength":
			refused = float64(len([]rune(text))) < value.(float64)
		case "maxLength":
			refused = float64(len([]rune(text))) > value.(float64)
		case "format":
			_, err := regexp.Compile(text)
			refused = err != nil
		default:
			t.Fatalf("say here how to evaluate the keyword %s: %v", keyword, fmt.Sprint(value))
		}
		if refused {
			return true
		}
	}
	return false
}
