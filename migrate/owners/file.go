package owners

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxRecord is the most bytes of one line of CSV or one entry of JSON, so that a file that is
// something else, or a quote that is never closed, does not fill the memory.
const maxRecord = 1 << 20

var (
	byteOrderMark = []byte("\uFEFF")
	sqliteHeader  = []byte("SQLite format 3\x00")
)

// readFile reads the owners in a file of any of the formats.
func readFile(ctx context.Context, name string, into *collection) error {
	file, err := os.Open(name)
	if err != nil {
		return bare(err, name)
	}
	defer func() { _ = file.Close() }()

	records := &records{from: file, left: maxRecord}
	text := bufio.NewReader(records)
	head, err := text.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return bare(err, name)
	}
	if bytes.HasPrefix(head, sqliteHeader) {
		return readSQLite(ctx, name, into)
	}
	if bytes.HasPrefix(head, byteOrderMark) {
		_, _ = text.Discard(len(byteOrderMark)) // they are in the buffer
		head = head[len(byteOrderMark):]
	}
	switch first := bytes.TrimSpace(head); {
	case len(first) == 0:
		return errors.New("is empty")
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}), bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return errors.New("is text in UTF-16: save it as UTF-8")
	case first[0] == '{' || first[0] == '[':
		err = readJSON(text, records, into)
	default:
		err = readCSV(text, records, into)
	}
	return bare(err, name)
}

// bare takes a file's name from an error, which will be put before it.
func bare(err error, name string) error {
	var path *os.PathError
	if errors.As(err, &path) && path.Path == name {
		return path.Err
	}
	return err
}

// records hands a file on record by record: whoever reads it says when one ends.
type records struct {
	from io.Reader
	left int
	last byte // that was read
}

// next begins a record.
func (r *records) next() { r.left = maxRecord }

// Read fails when the record is longer than any can be.
func (r *records) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, fmt.Errorf("one record is longer than %d bytes: is a quote not closed?", maxRecord)
	}
	n, err := r.from.Read(p[:min(len(p), r.left)])
	r.left -= n
	if n > 0 {
		r.last = p[n-1]
	}
	return n, err
}
