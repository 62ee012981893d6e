package journal

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"userscope.dev/userscope/migrate/claim"
)

// lines are those of a run of two batches that has ended.
func lines(t *testing.T) [][]byte {
	t.Helper()
	move := func(name string) *Batch {
		return &Batch{Moves: []Move{{From: claim.Path{Tree: claim.Legacy, Name: name}, To: claim.Path{Tree: claim.Root, Name: "users/" + name}, Identity: claim.Identity{Inode: 7}}}}
	}
	var written [][]byte
	for _, record := range []Record{
		{Header: &Header{Version: Version, Root: 1}},
		{Run: &Run{Legacy: "threads"}},
		{Batch: move("one")}, {Batch: move("two")}, {Batch: move("three")},
		{Moving: &struct{}{}}, {Done: &Done{}},
	} {
		line, err := Append(nil, record)
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, line)
	}
	return written
}

// read counts the records of a journal.
func read(journal []byte) (records int, size int64, err error) {
	size, err = Read(bytes.NewReader(journal), func(Record) error { records++; return nil })
	return records, size, err
}

// A journal that is cut, wherever behind its header, has the lines before the cut. One whose header
// is cut never had its name, and is none.
func TestCut(t *testing.T) {
	written := lines(t)
	journal := bytes.Join(written, nil)
	for cut := range len(journal) + 1 {
		if cut < len(written[0]) {
			want := "line 1: is not the header of a migration's journal, or is damaged"
			if cut == 0 {
				want = "is empty, and no run leaves it so: restore it, or, if there is nothing to undo, remove it"
			}
			if records, size, err := read(journal[:cut]); records != 0 || size != 0 || err == nil || err.Error() != want {
				t.Errorf("cut at %d: %d records in %d bytes, %v; want %s", cut, records, size, err, want)
			}
			continue
		}
		whole := bytes.Count(journal[:cut], []byte("\n"))
		length := len(bytes.Join(written[:whole], nil))
		if records, size, err := read(journal[:cut]); records != whole || size != int64(length) || err != nil {
			t.Errorf("cut at %d: %d records in %d bytes, %v; want %d in %d", cut, records, size, err, whole, length)
		}
	}
}

// A byte that has changed is found, wherever it is.
func TestDamage(t *testing.T) {
	written := lines(t)
	journal := bytes.Join(written, nil)
	last := len(journal) - len(written[len(written)-1]) // with the line end before it, a cut
	for at := range journal {
		damaged := bytes.Clone(journal)
		damaged[at] ^= 0x20
		records, size, err := read(damaged)
		if at < len(written[0]) && (records > 0 || err == nil || err.Error() != "line 1: is not the header of a migration's journal, or is damaged") {
			t.Errorf("byte %d: %d records, %v", at, records, err)
		}
		if len(written[0]) <= at && at < last-1 && (err == nil || !strings.Contains(err.Error(), ": is damaged: line ")) {
			t.Errorf("byte %d: %d records, %v", at, records, err)
		}
		if at >= last && (records != len(written)-1 || size != int64(last) || err != nil) { // it was cut, for all that can be known
			t.Errorf("byte %d: %d records in %d bytes, %v", at, records, size, err)
		}
	}
}

// A disk that loses power has written what was not synced in any order.
func TestUnsynced(t *testing.T) {
	written := lines(t)
	unsynced := append([][]byte{}, written[:5]...)
	unsynced[2] = make([]byte, len(written[2]))
	if records, size, err := read(bytes.Join(unsynced, nil)); records != 2 || size != int64(len(written[0])+len(written[1])) || err != nil {
		t.Errorf("%d records in %d bytes, %v", records, size, err)
	}
}

// A path in a journal cannot lead out of its tree.
func TestPaths(t *testing.T) {
	for _, text := range []string{"root:", "legacy:a", "root:users/alice/threads/a b", "root:a:b"} {
		var path claim.Path
		if err := path.UnmarshalText([]byte(text)); err != nil || path.String() != text {
			t.Errorf("%q: %v, %v", text, path, err)
		}
	}
	for _, text := range []string{"", "a", "tree:a", "root:..", "root:../a", "root:/a", "root:a/../../b", "root:a//b", "root:a/", "root:.", "root:a\x00b"} {
		if err := new(claim.Path).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// Format 1 knew a file by its inode alone. Format 2 reads it.
func TestFormat1(t *testing.T) {
	var lines []byte
	for _, text := range []string{
		`{"header":{"version":1,"root":5,"rootTime":"2026-01-02T03:04:05Z"}}`,
		`{"run":{"legacy":"../threads","time":"2026-01-02T03:04:05Z"}}`,
		`{"batch":{"moves":[{"from":"legacy:a","to":"root:users/b/threads/a","inode":7}]}}`,
	} {
		lines = fmt.Appendf(lines, "%08x %s\n", crc32.Checksum([]byte(text), table), text)
	}
	var got []Record
	size, err := Read(bytes.NewReader(lines), func(record Record) error { got = append(got, record); return nil })
	if err != nil || size != int64(len(lines)) || len(got) != 3 {
		t.Fatalf("%v, %d of %d bytes, %v", err, size, len(lines), got)
	}
	want := Move{
		From: claim.Path{Tree: claim.Legacy, Name: "a"}, To: claim.Path{Tree: claim.Root, Name: "users/b/threads/a"},
		Identity: claim.Identity{Inode: 7},
	}
	if move := got[2].Batch.Moves[0]; move != want || got[0].Header.RootID != nil {
		t.Errorf("%+v, want %+v", move, want)
	}
}
