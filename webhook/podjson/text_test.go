package podjson

import (
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	for value, want := range map[string]string{
		"alice":                        `"alice"`,
		"a\n\"å\x00":                   `"a\n\"\u00e5\x00"`,
		strings.Repeat("x", 128):       `"` + strings.Repeat("x", 128) + `"`,
		"y" + strings.Repeat("x", 128): `…"` + strings.Repeat("x", 128) + `"`,
		strings.Repeat("å", 100):       `…"` + strings.Repeat(`\u00e5`, 21) + `"`,
		"a\xff\xc3":                    `"a\xff\xc3"`,
	} {
		if got := Quote(value); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		`a "b" c~`:               `a "b" c~`,
		"a\n\x1b[2J\x7f\u2028é":  `a\n\x1b[2J\x7f\u2028\u00e9`,
		strings.Repeat("x", 256): strings.Repeat("x", 256),
		strings.Repeat("x", 257): strings.Repeat("x", 256) + "…",
	} {
		if got := Printable(text); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
