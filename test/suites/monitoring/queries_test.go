package monitoring

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// query is what test/tools/promql says of an expression.
type query struct {
	Selectors [][]matcher `json:"selectors"`
	Labels    []string    `json:"labels"`
}

type matcher struct {
	Label string `json:"label"`
	Op    string `json:"op"`
	Value string `json:"value"`
}

func (m matcher) matches(series map[string]string) bool {
	value := series[m.Label]
	switch m.Op {
	case "=":
		return value == m.Value
	case "!=":
		return value != m.Value
	}
	matched := regexp.MustCompile("^(?:" + m.Value + ")$").MatchString(value)
	return matched == (m.Op == "=~")
}

// All that alerts and dashboard ask for is there to be found once it has happened: each metric, with
// the labels and values that are asked for.
func TestQueriesFindWhatHappened(t *testing.T) {
	s := staged(t)
	var series []map[string]string
	for _, one := range slices.Concat(s.webhook.series(), s.issuer.series(), s.apiServer.series()) {
		// These are from Prometheus, which knows what it scrapes.
		maps.Copy(one, map[string]string{"job": "j", "instance": "i", "namespace": "n", "pod": "p"})
		series = append(series, one)
	}

	for expression, query := range queries(t) {
		if len(query.Selectors) == 0 {
			t.Errorf("%s\nasks for nothing", expression)
		}
		labels := map[string]bool{}
		for _, selector := range query.Selectors {
			found := false
			for _, one := range series {
				if slices.ContainsFunc(selector, func(m matcher) bool { return !m.matches(one) }) {
					continue
				}
				found = true
				for label := range one {
					labels[label] = true
				}
			}
			if !found {
				t.Errorf("%s\nfinds nothing by %v", expression, selector)
			}
		}
		for _, label := range query.Labels {
			if !labels[label] {
				t.Errorf("%s\ngroups or joins by %s, which nothing has that it finds", expression, label)
			}
		}
	}
}

// queries are all that alerts and dashboard ask for, by expression.
func queries(t *testing.T) map[string]query {
	t.Helper()
	all := expressions(t)
	for _, alert := range alerts(t) {
		all = append(all, alert.Expr)
	}
	// Grafana's, for as long as is between two points of a graph.
	for i := range all {
		all[i] = strings.ReplaceAll(all[i], "$__rate_interval", "5m")
	}
	input, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var answers []query
	if err := json.Unmarshal(tool(t, "promql", input), &answers); err != nil {
		t.Fatal(err)
	}
	if len(answers) != len(all) {
		t.Fatalf("%d expressions are %d queries", len(all), len(answers))
	}
	byExpression := map[string]query{}
	for i, answer := range answers {
		byExpression[all[i]] = answer
	}
	return byExpression
}

// installed are the names of webhooks and policies, each by the label that carries it, as series of
// API servers have them.
func installed(t *testing.T) map[string][]map[string]string {
	t.Helper()
	text, err := os.ReadFile(path(t, "manifests", "install.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string][]map[string]string{}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var object struct {
			Kind     string
			Metadata struct{ Name string }
			Webhooks []struct{ Name string }
		}
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		for _, webhook := range object.Webhooks {
			names["name"] = append(names["name"], map[string]string{"name": webhook.Name})
		}
		if object.Kind == "ValidatingAdmissionPolicy" {
			names["policy"] = append(names["policy"], map[string]string{"policy": object.Metadata.Name})
		}
	}
	return names
}

// Whatever a policy refuses, an alert tells of it: no log does.
func TestEveryPolicyIsWatched(t *testing.T) {
	all := queries(t)
	for _, policy := range installed(t)["policy"] {
		if !slices.ContainsFunc(alerts(t), func(a alert) bool {
			return slices.ContainsFunc(all[a.Expr].Selectors, func(selector []matcher) bool {
				return slices.ContainsFunc(selector, func(m matcher) bool { return m.Label == "policy" && m.matches(policy) })
			})
		}) {
			t.Errorf("no alert watches %s", policy["policy"])
		}
	}
}

// What is asked of API servers is about webhooks and policies by the names that the installation gives them.
func TestQueriesNameWhatIsInstalled(t *testing.T) {
	installed := installed(t)
	asked := map[string]bool{}
	for expression, query := range queries(t) {
		for _, m := range slices.Concat(query.Selectors...) {
			names, named := installed[m.Label]
			if !named {
				continue
			}
			asked[m.Label] = true
			if !slices.ContainsFunc(names, m.matches) {
				t.Errorf("%s\nasks for %s%s%q, and installed are %v", expression, m.Label, m.Op, m.Value, names)
			}
		}
	}
	if len(asked) != 2 {
		t.Errorf("of webhooks and policies, it is asked for %v", asked)
	}
}
