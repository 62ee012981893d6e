package scope

import (
	"slices"
	"strconv"
	"strings"

	"userscope.dev/userscope/webhook/podjson"
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

// pathsText names as many paths as a message has room for, and counts the others. Of a long path it keeps the end, which
// tells directories apart.
func pathsText(paths []string) string {
	const most, longest = 320, 80
	var text strings.Builder
	for i, path := range paths {
		if text.Len() > most {
			return text.String() + " and " + strconv.Itoa(len(paths)-i) + " more"
		}
		if i > 0 {
			text.WriteString(", ")
		}
		if len(path) > longest {
			path = "…" + strings.ToValidUTF8(path[len(path)-longest:], "")
		}
		text.WriteString(podjson.Printable(path))
	}
	return text.String()
}

// sameEntry reports whether a key is in both maps with one value, or in neither.
func sameEntry(a, b map[string]string, key string) bool {
	valueA, inA := a[key]
	valueB, inB := b[key]
	return inA == inB && valueA == valueB
}
