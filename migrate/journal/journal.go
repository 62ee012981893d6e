// Package journal is the format of the migration's journal: lines, each a checksum and a JSON
// object. What a migration is about to do stands in it before it is done: a header once, and then,
// for each run, the run, batches of moves, the word that they are synced and begin, what was met
// meanwhile, and the end.
// The package reads and writes no files, and imports claim and nothing else of Userscope.
package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"userscope.dev/userscope/migrate/claim"
)

// Version is the version of the format that is written. Version 1, which is read too, knows a file by its
// inode alone. Lines of version 2 may follow a header of version 1. Other versions are refused.
const Version = 2

// Record is a line of the journal: one of its fields.
type Record struct {
	Header *Header `json:"header,omitempty"`
	Run    *Run    `json:"run,omitempty"`
	Batch  *Batch  `json:"batch,omitempty"`
	// Moving follows the batches of a run once they are synced, before the first of them is done. Its
	// content is never read. As a line after the batches it tells that a torn batch is damage.
	Moving *struct{} `json:"moving,omitempty"`
	// Reserves says, in version 1, that the filesystem cannot rename without replacing, so that from here on
	// places are reserved first. In version 2 the run's Filesystem says so.
	Reserves *struct{} `json:"reserves,omitempty"`
	// Found is a directory of a batch, with its time of change, that somebody else had made when it
	// was to be made: undo does not remove it.
	Found *Time `json:"found,omitempty"`
	Done  *Done `json:"done,omitempty"`
}

// Header is the first line. It ties the journal to a root.
type Header struct {
	Version int `json:"version"`
	// Root is the root's inode, and RootTime its time of change before there was a journal.
	Root     uint64    `json:"root"`
	RootTime time.Time `json:"rootTime"`
	// RootID is the root's identity, since version 2.
	RootID *claim.Identity `json:"rootID,omitempty"`
}

// Run begins the lines of an apply.
type Run struct {
	// Legacy is the old tree, relative to the root, that the paths of the run speak of.
	Legacy string    `json:"legacy"`
	Time   time.Time `json:"time"`
	// State is the identity of the directory that holds the journal, since version 2. Where its number has
	// changed, the filesystem has numbered its files anew.
	State *claim.Identity `json:"state,omitempty"`
	// Filesystem is what the run found out about the filesystem, since version 2.
	Filesystem *Filesystem `json:"filesystem,omitempty"`
}

// Batch is a part of what a run is about to do.
type Batch struct {
	// Times are those of the directories whose entries the run changes, as they were before.
	Times []Time `json:"times,omitempty"`
	Dirs  []Dir  `json:"dirs,omitempty"`
	Moves []Move `json:"moves,omitempty"`
}

// Time is a directory's time of change.
type Time struct {
	Path    claim.Path `json:"path"`
	ModTime time.Time  `json:"modTime"`
}

// Dir is a directory to make. All are made before a file moves.
type Dir struct {
	Path claim.Path `json:"path"`
	UID  uint32     `json:"uid"`
	GID  uint32     `json:"gid"`
	Mode uint32     `json:"mode"`
}

// Move is a file to rename. Its identity tells it from another of its name.
type Move struct {
	From claim.Path `json:"from"`
	To   claim.Path `json:"to"`
	claim.Identity
	// ModTime is the file's time of change, which a rename keeps. It stands here where the identity may not
	// hold.
	ModTime *time.Time `json:"modTime,omitempty"`
}

// Done ends the lines of an apply that ended well.
type Done struct {
	Time time.Time `json:"time"`
}

var table = crc32.MakeTable(crc32.Castagnoli)

// Append adds a record as a line.
func Append(lines []byte, record Record) ([]byte, error) {
	text, err := json.Marshal(record)
	if err != nil {
		return nil, err
	}
	lines = fmt.Appendf(lines, "%08x ", crc32.Checksum(text, table))
	return append(append(lines, text...), '\n'), nil
}

// Read calls a function with each record, the header first, and returns the length of the whole lines
// in bytes. The header is always whole, because the file is renamed into place after its sync. A torn
// line, and any batches after it, were never synced: nothing that they name was done. A torn line
// followed by any other record means that the journal is damaged.
func Read(r io.Reader, each func(Record) error) (size int64, err error) {
	lines := bufio.NewReader(r)
	torn := 0 // the number of the first line that is not whole
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		atEnd := errors.Is(err, io.EOF)
		switch {
		case atEnd && n > 1:
			return size, nil
		case atEnd && len(line) == 0:
			return 0, errEmpty
		case err != nil && !atEnd:
			return size, err
		}
		text, whole := check(line)
		switch {
		case n == 1 && (atEnd || !whole):
			return 0, fmt.Errorf("line 1: %w, or is damaged", errNoHeader)
		case !whole:
			if torn == 0 {
				torn = n
			}
			continue
		}
		record, err := parse(text, n == 1)
		switch {
		case torn > 0 && record.Batch == nil:
			return size, fmt.Errorf("line %d: is damaged: line %d tells that it was whole", torn, n)
		case torn > 0:
			continue
		case err == nil:
			err = each(record)
		}
		if err != nil {
			return size, fmt.Errorf("line %d: %w", n, err)
		}
		size += int64(len(line))
	}
}

var (
	errEmpty    = errors.New("is empty, and no run leaves it so: restore it, or, if there is nothing to undo, remove it")
	errNoHeader = errors.New("is not the header of a migration's journal")
)

// check returns the text of a line, and whether the line is whole.
func check(line []byte) (text []byte, whole bool) {
	sum, text, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	return text, string(sum) == fmt.Sprintf("%08x", crc32.Checksum(text, table))
}

// parse reads the text of a line.
func parse(text []byte, first bool) (Record, error) {
	var version struct {
		Header struct {
			Version int `json:"version"`
		} `json:"header"`
	}
	if first {
		if err := json.Unmarshal(text, &version); err != nil || version.Header.Version == 0 {
			return Record{}, errNoHeader
		}
		if version.Header.Version > Version {
			return Record{}, fmt.Errorf("the journal has version %d: this program knows versions up to %d", version.Header.Version, Version)
		}
	}
	var record Record
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&record); err != nil {
		return Record{}, err
	}
	return record, record.check(first)
}

// check refuses records that are not one thing, and a header that is not first.
func (r Record) check(first bool) error {
	fields := 0
	for _, there := range []bool{r.Header != nil, r.Run != nil, r.Batch != nil, r.Moving != nil, r.Reserves != nil, r.Found != nil, r.Done != nil} {
		if there {
			fields++
		}
	}
	if fields != 1 || first != (r.Header != nil) {
		return errors.New("is not what the journal of a migration holds")
	}
	return nil
}
