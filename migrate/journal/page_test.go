package journal

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"
)

// The example of docs/journal.md is a journal as it is written now, and the page's table has all records.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/journal.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := bytes.Cut(page, []byte("```\n"))
	example, _, found := bytes.Cut(example, []byte("```\n"))
	if !found {
		t.Fatal("docs/journal.md has no example")
	}
	var again []byte
	size, err := Read(bytes.NewReader(example), func(record Record) error {
		again, err = Append(again, record)
		return err
	})
	if err != nil || size != int64(len(example)) {
		t.Fatalf("%d of %d bytes of the example are read: %v", size, len(example), err)
	}
	if !bytes.Equal(again, example) {
		t.Errorf("the example would be written as\n%s", again)
	}
	for field := range reflect.TypeFor[Record]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !strings.Contains(string(page), "\n| `"+name+"` |") {
			t.Errorf("the page has no row of %s", name)
		}
	}
}
