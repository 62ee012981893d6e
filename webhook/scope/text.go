package scope

import (
	"slices"
	"strconv"
	"strings"
)

// decimal renders a number that a violation quotes.
func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// Value returns what a pointer points to, or nothing.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// labelsText writes labels as kubectl's -l takes them.
func labelsText(labels map[string]string) string {
	pairs := make([]string, 0, len(labels))
	for key, value := range labels {
		pairs = append(pairs, key+"="+value)
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}
