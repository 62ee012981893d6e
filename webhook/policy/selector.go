package policy

import (
	"slices"
	"strings"
)

// Selector says by their labels which Pods are sandboxes: those that keep all its requirements. It is a label
// selector of Kubernetes with the operators In and Exists, sorted by key, with one requirement for a key.
type Selector []Requirement

// Requirement wants a Pod to wear a label.
type Requirement struct {
	Key string
	// Values are those that the label may have, sorted; without any it may have every value.
	Values []string
}

// MatchLabels returns the selector of the Pods that wear all of some labels.
func MatchLabels(labels map[string]string) Selector {
	selector := make(Selector, 0, len(labels))
	for key, value := range labels {
		selector = append(selector, Requirement{key, []string{value}})
	}
	slices.SortFunc(selector, func(a, b Requirement) int { return strings.Compare(a.Key, b.Key) })
	return selector
}

// Matches reports whether labels keep all requirements.
func (s Selector) Matches(labels map[string]string) bool {
	return !slices.ContainsFunc(s, func(r Requirement) bool { return !r.Matches(labels) })
}

// Matches reports whether labels keep the requirement.
func (r Requirement) Matches(labels map[string]string) bool {
	value, ok := labels[r.Key]
	return ok && (len(r.Values) == 0 || slices.Contains(r.Values, value))
}

// Equal reports whether two selectors match the same Pods.
func (s Selector) Equal(other Selector) bool {
	return slices.EqualFunc(s, other, func(a, b Requirement) bool { return a.Key == b.Key && slices.Equal(a.Values, b.Values) })
}

// String is the selector as kubectl's -l takes it.
func (s Selector) String() string {
	texts := make([]string, len(s))
	for i, r := range s {
		switch len(r.Values) {
		case 0:
			texts[i] = r.Key
		case 1:
			texts[i] = r.Key + "=" + r.Values[0]
		default:
			texts[i] = r.Key + " in (" + strings.Join(r.Values, ",") + ")"
		}
	}
	return strings.Join(texts, ",")
}
