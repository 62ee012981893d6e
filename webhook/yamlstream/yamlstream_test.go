package yamlstream

import (
	"strings"
	"testing"
)

// Each document is either read or a mistake; none is passed over.
func TestRead(t *testing.T) {
	const (
		more          = "a document ends and something follows: put a line of --- between them"
		moreSomewhere = "! not valid YAML: " + more
	)
	tests := []struct {
		name  string
		given string
		want  []string // JSON, or after a ! the mistakes
	}{
		{"nothing", "", nil},
		{"comments and separators", "# a\n---\n# b\n--- # c\n---\n\n...\n", nil},
		{"one document", "a: 1\n", []string{`{"a":1}`}},
		{"two documents", "a: 1\n---\nb: 2\n", []string{`{"a":1}`, `{"b":2}`}},
		{"a document on the separator's line", "--- {a: 1}\n---\t[b]\n--- text\n", []string{`{"a":1}`, `["b"]`, `"text"`}},
		{"what only looks like a separator", "a: |\n  x\n  ---\n  y\n---x: 2\n", []string{`{"---x":2,"a":"x\n---\ny\n"}`}},
		{"lines that end as on Windows", "a: 1\r\n---\r\nb: 2\r\n", []string{`{"a":1}`, `{"b":2}`}},
		{"a document that ends", "a: 1\n...\n---\nb: 2\n", []string{`{"a":1}`, `{"b":2}`}},
		{"a byte order mark", "\uFEFFa: 1\n", []string{`{"a":1}`}},
		{"JSON", ` {"a": [1, 18446744073709551615, 1.50]} `, []string{`{"a": [1, 18446744073709551615, 1.50]}`}},
		{"JSON with escapes that YAML lacks", `{"a":"\ud83d\ude00"}`, []string{`{"a":"\ud83d\ude00"}`}},
		{"JSON values in a row", "\uFEFF{\"a\":1}{\"b\":2}\n[3]", []string{`{"a":1}`, `{"b":2}`, `[3]`}},
		{"JSON values after a separator", "--- {\"a\":1}{\"b\":2}", []string{`{"a":1}`, `{"b":2}`}},
		{"JSON with a comment", "{\"a\":1}\n# b\n", []string{`{"a":1}`}},
		{"a large integer", "a: 9007199254740993\nb: 18446744073709551615", []string{`{"a":9007199254740993,"b":18446744073709551615}`}},

		{"a document after ...", "a: 1\n...\nb: 2\n", []string{"! not valid YAML: line 2: " + more}},
		{"garbage after ...", "a: 1\n...\n}{\n", []string{"! not valid YAML: line 2: " + more}},
		{"JSON values in a row, and then text", `{"a":1}{"b":2} c`, []string{moreSomewhere}},
		{"JSON values in a row, cut off", `{"a":1}{"b":`, []string{moreSomewhere}},
		{"flow mappings in a row", "{a: 1}\n{b: 2}", []string{"! not valid YAML: line 1: " + more}},
		{"lines that end as on old Macs", "a: 1\r---\rb: 2\r", []string{moreSomewhere}},
		{"lines that end by NEL", "a: 1\u0085---\u0085b: 2", []string{moreSomewhere}},
		{"lines that end by a line separator", "a: 1\u2028---\u2028b: 2", []string{moreSomewhere}},
		{"UTF-16", "a\x00:\x00 \x001\x00", []string{"! is not text in UTF-8"}},
		{"UTF-16 with its mark", "\xff\xfea\x00", []string{"! is not text in UTF-8"}},
		{"a byte that is no UTF-8", "a: \xff", []string{"! is not text in UTF-8"}},
		{"JSON cut off", `{"a":`, []string{"! not valid YAML: line 1: did not find expected node content"}},
		{"a key twice", "a: 1\nb: 2\na: 3\nb: 4\n", []string{`! not valid YAML: line 3: key "a" already set in map! not valid YAML: line 4: key "b" already set in map`}},
		{"a key twice in JSON", `{"a":{"b":1,"b":2}} {"c":1}`, []string{`! duplicate field "a.b"`, `{"c":1}`}},
		{"a template's braces", "a: {{ b }}", []string{"! not valid YAML: a key is no text, as in {{ value }}: put it in quotes"}},
		{"a key that is nothing", "? \n: 1", []string{"! not valid YAML: a key is no text, as in {{ value }}: put it in quotes"}},
		{"no number", "a: .nan", []string{"! not valid YAML: NaN is no number"}},
		{"a number beyond JSON's", `{"a": 1e999}`, []string{"! json: cannot unmarshal number 1e999 into Go value of type float64"}},
		{"a mistake between two documents", "a: 1\n---\nb: 1\nb: 2\n---\nc: [\n---\nd: 4",
			[]string{`{"a":1}`, `! not valid YAML: line 4: key "b" already set in map`, "! not valid YAML: line 6: did not find expected node content", `{"d":4}`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, document := range Read([]byte(test.given)) {
				text := string(document.JSON)
				for _, mistake := range document.Mistakes {
					text += "! " + mistake.Error()
				}
				got = append(got, text)
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}
