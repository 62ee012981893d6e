package podjson

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Printable renders a text that may hold a stranger's words, in ASCII without control characters and,
// but for a … at its end, not too long, so that it can neither hide the rest of a message nor speak to a terminal.
func Printable(text string) string {
	const most = 256
	var b strings.Builder
	for _, r := range text {
		if b.Len() >= most {
			return b.String() + "…"
		}
		if r >= ' ' && r <= '~' {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// Quote renders a value that a stranger wrote, in ASCII and short enough to leave room for
// the rest of a message.
func Quote(value string) string { return QuoteTail(value, 128) }

// QuoteTail renders a value that a stranger wrote, in ASCII but for the sign that something is left out. At most so
// many characters stand between the quotes, as they are escaped: the last ones, for paths differ there.
func QuoteTail(value string, most int) string {
	var shown []string
	for rest, length := value, 0; rest != ""; {
		_, size := utf8.DecodeLastRuneInString(rest)
		quoted := strconv.QuoteToASCII(rest[len(rest)-size:])
		escaped := quoted[1 : len(quoted)-1]
		if length += len(escaped); length > most {
			slices.Reverse(shown)
			return "…\"" + strings.Join(shown, "") + `"`
		}
		shown, rest = append(shown, escaped), rest[:len(rest)-size]
	}
	slices.Reverse(shown)
	return `"` + strings.Join(shown, "") + `"`
}
