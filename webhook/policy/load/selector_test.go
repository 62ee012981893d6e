package load

import (
	"strings"
	"testing"

	"userscope.dev/userscope/webhook/policy"
)

// A selector may be spelled in several ways.
func TestSelectors(t *testing.T) {
	app := policy.Requirement{Key: "app", Values: []string{"a"}}
	for spelled, want := range map[string]policy.Selector{
		"{app: a}":                {app},
		"{matchLabels: {app: a}}": {app},
		"{matchExpressions: [{key: app, operator: In, values: [a]}]}":                                                           {app},
		"{matchExpressions: [{key: zone, operator: Exists}, {key: tier, operator: In, values: [c, b]}], matchLabels: {app: a}}": {app, {Key: "tier", Values: []string{"b", "c"}}, {Key: "zone"}},
		"{matchExpressions: [{key: zone, operator: Exists, values: []}]}":                                                       {{Key: "zone"}},
		"{matchLabels: a, matchExpressions: b}":                                                                                 {{Key: "matchExpressions", Values: []string{"b"}}, {Key: "matchLabels", Values: []string{"a"}}},
	} {
		policies, err := Parse("p.yaml", []byte(strings.Replace(minimal, "{app: deer-flow-sandbox}", spelled, 1)))
		if err != nil {
			t.Errorf("%s: %v", spelled, err)
			continue
		}
		if got := policies[0].Selector; got.String() != want.String() || !got.Equal(want) {
			t.Errorf("%s: %s, want %s", spelled, got, want)
		}
	}
}
