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

// maxWarning is how many characters of a warning an API server keeps where all warnings of a request are too many
// (WithWarningRecorder of k8s.io/apiserver/pkg/endpoints/filters).
const maxWarning = 256

// changeText says in at most maxWarning characters what became of a value. Values that are cut keep their tails.
func changeText(at, was, is string) string {
	if was == "" {
		begin := at + ": is now "
		return begin + podjson.QuoteTail(is, roomBehind(begin))
	}
	const middle = " is now "
	room := roomBehind(at+": "+middle) - len(`""…`) // of the second value
	half := room / 2
	old := podjson.QuoteTail(was, max(half, room-len(is)))
	return at + ": " + old + middle + podjson.QuoteTail(is, max(half, room-len(was)))
}

// removalText says in at most maxWarning characters that a value is removed.
func removalText(at, was, why string) string {
	end := " is removed: " + why
	return at + ": " + podjson.QuoteTail(was, roomBehind(at+": "+end)) + end
}

// roomBehind is how many characters of a value a warning may show beside some text.
func roomBehind(text string) int { return max(0, maxWarning-len(text)-len(`""`)-1) }

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
