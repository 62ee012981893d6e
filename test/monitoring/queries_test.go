package monitoring

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
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
	var queries []query
	if err := json.Unmarshal(tool(t, "promql", input), &queries); err != nil {
		t.Fatal(err)
	}
	if len(queries) != len(all) {
		t.Fatalf("%d expressions are %d queries", len(all), len(queries))
	}

	for i, query := range queries {
		if len(query.Selectors) == 0 {
			t.Errorf("%s\nasks for nothing", all[i])
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
				t.Errorf("%s\nfinds nothing by %v", all[i], selector)
			}
		}
		for _, label := range query.Labels {
			if !labels[label] {
				t.Errorf("%s\ngroups or joins by %s, which nothing has that it finds", all[i], label)
			}
		}
	}
}
