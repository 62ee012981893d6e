package podjson

import (
	"strconv"
	"strings"
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
func Quote(value string) string {
	const most = 128
	if len(value) > most {
		return strconv.QuoteToASCII(value[:most]) + "…"
	}
	return strconv.QuoteToASCII(value)
}
