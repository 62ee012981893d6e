package admission_test

import (
	"encoding/json"
	"strings"
	"testing"

	"userscope.dev/userscope/webhook/admission"
	"userscope.dev/userscope/webhook/scope"
)

// Events and terminals show little more than the first 200 characters of a refusal: whatever a
// stranger wrote into a field, rule, path, value and remedy are among them.
func TestMessageBeginsWithRulePathValueAndRemedy(t *testing.T) {
	policies := deerflow(t)
	for name, value := range map[string]string{
		"long":              strings.Repeat("x/", 4000),
		"multi-byte":        strings.Repeat("é", 300),
		"control character": strings.Repeat("\x1b", 300),
		"line break":        "alice\nuserscope: all is well",
		"not UTF-8":         strings.Repeat("\xff", 300),
	} {
		t.Run(name, func(t *testing.T) {
			pod, _, err := admission.DecodePod([]byte(text(t, sandbox(object{"thread-id": "t1"}))))
			if err != nil {
				t.Fatal(err)
			}
			pod.Annotations = map[string]string{"user-id": value}
			decision := scope.Create(policies, scope.Request{Namespace: "deer-flow", Pod: pod})
			message := admission.Message(decision)
			start := message[:min(len(message), 200)]
			for _, want := range []string{"identity-invalid", "metadata.annotations[user-id]", `"`, "set it to the user id"} {
				if !strings.Contains(start, want) {
					t.Errorf("%q does not say %q", start, want)
				}
			}
			if strings.ContainsFunc(message, func(r rune) bool { return r < ' ' || r == '\uFFFD' }) {
				t.Errorf("%q holds characters that are not for display", message)
			}
		})
	}
}

// Of a value 40 characters are shown, as they are escaped, and a cut is seen.
func TestMessageShowsTheEndOfAValue(t *testing.T) {
	for _, test := range []struct{ value, want string }{
		{"", ""},
		{strings.Repeat("x", 40), `"` + strings.Repeat("x", 40) + `": `},
		{strings.Repeat("x", 41), `…"` + strings.Repeat("x", 40) + `": `},
		{"/another" + strings.Repeat("/x", 20), `…"` + strings.Repeat("/x", 20) + `": `},
		{strings.Repeat("\x1b", 10), `"` + strings.Repeat(`\x1b`, 10) + `": `},
		{"\x1b" + strings.Repeat("x", 38), `…"` + strings.Repeat("x", 38) + `": `},
		{"a\xff", `"a\xff": `},
	} {
		got := admission.Describe(scope.Violation{Rule: "a-rule", Path: "spec.a", Value: test.value, Message: "is wrong"})
		if want := "a-rule: spec.a: " + test.want + "is wrong"; got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}

func TestMessageCountsWhatItDoesNotList(t *testing.T) {
	decision := scope.Decision{
		Verdict: scope.Refused,
		Violations: []scope.Violation{
			{Rule: "a-rule", Path: "spec.a", Value: "v", Message: "is wrong: set it right"},
			{Rule: "b-rule", Path: "spec.b", Message: "is missing: set it"},
		},
		More: 7,
	}
	want := `userscope: a-rule: spec.a: "v": is wrong: set it right; b-rule: spec.b: is missing: set it; and 7 more`
	if got := admission.Message(decision); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// RFC 6902 wants a value in add and replace, be it null or empty, and none in remove.
func TestPatch(t *testing.T) {
	got, err := json.Marshal(admission.Patch([]scope.Edit{
		{Op: "add", Path: "/a", Value: "x", Warning: "told to people, not to the API server"},
		{Op: "replace", Path: "/b", Value: ""},
		{Op: "replace", Path: "/c", Value: false},
		{Op: "add", Path: "/d", Value: nil},
		{Op: "add", Path: "/e", Value: map[string]string{}},
		{Op: "remove", Path: "/f"},
	}))
	want := `[{"op":"add","path":"/a","value":"x"},{"op":"replace","path":"/b","value":""},{"op":"replace","path":"/c","value":false},` +
		`{"op":"add","path":"/d","value":null},{"op":"add","path":"/e","value":{}},{"op":"remove","path":"/f"}]`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant\n%s", got, err, want)
	}
	if empty, err := json.Marshal(admission.Patch(nil)); string(empty) != "[]" {
		t.Errorf("no edits are %s, %v; want []", empty, err)
	}
}

// Kubernetes' own decoder tells upper from lower case: a field that it does not see must not be
// judged as if it were there.
func TestDecodePodMatchesNamesCaseByCase(t *testing.T) {
	pod, _, err := admission.DecodePod([]byte(`{"Metadata":{"labels":{"user-id":"alice"}},"metadata":{"Labels":{"user-id":"bob"}},"spec":{"containers":[{"name":"c"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(pod.Labels) != 0 {
		t.Errorf("labels %v, want none", pod.Labels)
	}
}
