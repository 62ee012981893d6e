// Command promql tells what PromQL expressions ask for. It reads a JSON array of expressions and
// writes one of their selectors, in order, and of the labels by which they group and join. It is a
// module of its own because the parser comes with much that no other test needs.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/promql/parser"
)

// query is what an expression asks for.
type query struct {
	// Selectors hold, one by one, the matchers that a series must satisfy, its name's included.
	Selectors [][]matcher `json:"selectors"`
	// Labels are those that on, by, ignoring, without and group_left name.
	Labels []string `json:"labels"`
}

type matcher struct {
	Label string `json:"label"`
	// Op is =, !=, =~ or !~.
	Op    string `json:"op"`
	Value string `json:"value"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "promql:", err)
		os.Exit(1)
	}
}

func run() error {
	var expressions []string
	if err := json.NewDecoder(os.Stdin).Decode(&expressions); err != nil {
		return err
	}
	queries := make([]query, len(expressions))
	for i, text := range expressions {
		expression, err := parser.NewParser(parser.Options{}).ParseExpr(text)
		if err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
		queries[i] = ask(expression)
	}
	return json.NewEncoder(os.Stdout).Encode(queries)
}

func ask(expression parser.Expr) query {
	q := query{Selectors: [][]matcher{}, Labels: []string{}}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			var selector []matcher
			for _, m := range n.LabelMatchers {
				selector = append(selector, matcher{m.Name, m.Type.String(), m.Value})
			}
			q.Selectors = append(q.Selectors, selector)
		case *parser.AggregateExpr:
			q.Labels = append(q.Labels, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				q.Labels = append(append(q.Labels, n.VectorMatching.MatchingLabels...), n.VectorMatching.Include...)
			}
		}
		return nil
	})
	return q
}
