package scope

import (
	"slices"
	"strings"
)

// labelsText writes labels as kubectl's -l takes them.
func labelsText(labels map[string]string) string {
	pairs := make([]string, 0, len(labels))
	for key, value := range labels {
		pairs = append(pairs, key+"="+value)
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}
