package limits_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"userscope.dev/userscope/webhook/limits"
)

func TestValues(t *testing.T) {
	for _, test := range []struct {
		text string
		want int
	}{
		{``, 0},
		{`1`, 1},
		{`"a"`, 1},
		{`null`, 1},
		{`{}`, 1},
		{`[]`, 1},
		{`[ ]`, 1},
		{`[[]]`, 2},
		{`[1]`, 2},
		{`[1, -2.5e3, true]`, 4},
		{`[{},{},{}]`, 4},
		{`[[1,2],[3]]`, 6},
		{`{"a":{}}`, 2},
		{`{"a":{"b":[]},"c":"d"}`, 4},
		{`"a, b: [c] {d}"`, 1},
		{`["\"", ",", "\\", ","]`, 5},
		{`["\\\",","x"]`, 3},
		{`{"a,\"":1}`, 2},
	} {
		for piece := 1; piece <= len(test.text)+1; piece++ {
			var values limits.Values
			for rest := test.text; rest != ""; {
				n := min(piece, len(rest))
				if wrote, err := values.Write([]byte(rest[:n])); wrote != n || err != nil {
					t.Fatalf("wrote %d, %v", wrote, err)
				}
				rest = rest[n:]
			}
			if got := values.Count(); got != test.want {
				t.Errorf("%s, in pieces of %d: %d, want %d", test.text, piece, got, test.want)
			}
		}
	}
}

// FuzzValues holds the count against Go's decoder, for what that takes.
func FuzzValues(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":"c\"d"},[]],"e":null}`, ` [ "\\" , { } ] `, `"é\u0022"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var values limits.Values
		if _, err := values.Write(text); err != nil {
			t.Fatal(err)
		}
		if values.Count() > len(text) {
			t.Errorf("%d values in %d bytes", values.Count(), len(text))
		}
		if !json.Valid(text) {
			return
		}
		if got, want := values.Count(), decoded(t, text); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	})
}

// decoded counts the values of a JSON text by its tokens.
func decoded(t *testing.T, text []byte) (count int) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var walk func()
	walk = func() {
		token, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		count++
		if bracket, ok := token.(json.Delim); ok {
			for decoder.More() {
				if bracket == '{' {
					if _, err := decoder.Token(); err != nil { // the member's name
						t.Fatal(err)
					}
				}
				walk()
			}
			if _, err := decoder.Token(); err != nil { // the closing bracket
				t.Fatal(err)
			}
		}
	}
	walk()
	return count
}

// Every API server's request is counted: that must cost next to nothing beside the decoding.
func BenchmarkValues(b *testing.B) {
	text := []byte("[" + strings.Repeat(`{"name":"HOME","value":"/home/jovyan"},`, 1000) + "{}]")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		var values limits.Values
		_, _ = values.Write(text)
	}
}
