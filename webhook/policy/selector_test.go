package policy

import (
	"slices"
	"testing"
)

func TestSelector(t *testing.T) {
	selector := append(MatchLabels(map[string]string{"app": "sandbox"}), Requirement{"size", []string{"", "l"}}, Requirement{Key: "zone"})
	if got, want := selector.String(), "app=sandbox,size in (,l),zone"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, test := range []struct {
		labels map[string]string
		want   bool
	}{
		{map[string]string{"app": "sandbox", "size": "l", "zone": "a", "more": "b"}, true},
		{map[string]string{"app": "sandbox", "size": "", "zone": ""}, true},
		{map[string]string{"app": "sandbox", "size": "m", "zone": "a"}, false},
		{map[string]string{"app": "sandbox", "zone": "a"}, false},
		{map[string]string{"app": "sandbox", "size": "l"}, false},
		{map[string]string{"app": "Sandbox", "size": "l", "zone": "a"}, false},
		{nil, false},
	} {
		if got := selector.Matches(test.labels); got != test.want {
			t.Errorf("%v: %t, want %t", test.labels, got, test.want)
		}
	}
	for _, other := range []Selector{selector[:2], append(selector[:2:2], Requirement{"zone", []string{"a"}}), append(selector[:2:2], Requirement{Key: "zones"})} {
		if same := slices.Clone(other); selector.Equal(other) || !other.Equal(same) {
			t.Errorf("%s and %s: %t", selector, other, selector.Equal(other))
		}
	}
}
