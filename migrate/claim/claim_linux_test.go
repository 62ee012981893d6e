package claim

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A time of change is the same once the journal has held it, also where it was local in a zone that is
// seconds away, as Liberia's was until 1972 and most were before there were zones.
func TestModTimeInJSON(t *testing.T) {
	local := time.Local
	defer func() { time.Local = local }()
	time.Local = time.FixedZone("MMT", -44*60-30)
	root, want := t.TempDir(), time.Unix(0, 123_456_789)
	if err := os.Mkdir(filepath.Join(root, "threads"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(root, "threads"), want, want); err != nil {
		t.Fatal(err)
	}
	c, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	info, err := c.Lstat(Path{Tree: Root, Name: "threads"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(info.ModTime)
	if err != nil {
		t.Fatal(err)
	}
	var got time.Time
	if err := json.Unmarshal(text, &got); err != nil || !got.Equal(want) {
		t.Errorf("%v, %s is %v, want %v", err, text, got, want.UTC())
	}
}
