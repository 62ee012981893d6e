package oracle

import "slices"

// Requirement is one of a selector's: a label that a sandbox wears, with one of the values, or with any if there
// are none.
type Requirement struct {
	Key    string
	Values []string
}

// selects reports whether a Pod wears what every requirement of the selector asks for.
func (p Policy) selects(pod object) bool {
	labels := child(pod, "metadata", "labels")
	for _, r := range p.Selector {
		if _, ok := labels[r.Key]; !ok || len(r.Values) > 0 && !slices.Contains(r.Values, text(labels, r.Key)) {
			return false
		}
	}
	return true
}

// Wear returns labels that a selector matches: of the values that a label may have, those that choose names.
func Wear(selector []Requirement, choose func(values []string) string) map[string]string {
	labels := map[string]string{}
	for _, r := range selector {
		labels[r.Key] = "anything"
		if len(r.Values) > 0 {
			labels[r.Key] = choose(r.Values)
		}
	}
	return labels
}

// First is for Wear: the first of the values.
func First(values []string) string { return values[0] }

// readSelector reads a selector in either spelling, as a label selector or as a map of labels.
func readSelector(given object) []Requirement {
	var selector []Requirement
	labels := given
	expressions, structured := given["matchExpressions"].([]any)
	if below, ok := given["matchLabels"].(object); ok || structured {
		labels = below
	}
	for key, value := range labels {
		wanted, _ := value.(string)
		selector = append(selector, Requirement{key, []string{wanted}})
	}
	for _, entry := range expressions {
		expression, _ := entry.(object)
		r := Requirement{Key: text(expression, "key")}
		values, _ := expression["values"].([]any)
		for _, value := range values {
			wanted, _ := value.(string)
			r.Values = append(r.Values, wanted)
		}
		selector = append(selector, r)
	}
	slices.SortFunc(selector, func(a, b Requirement) int { return map[bool]int{true: -1, false: 1}[a.Key < b.Key] })
	return selector
}
