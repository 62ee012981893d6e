package owners

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
)

// readCSV reads the owners in the lines of a CSV file (RFC 4180; lines may end in LF). The last line
// must end as the others do: the beginning of an id is mostly an id too, somebody else's, so nothing
// else tells that a file was cut.
func readCSV(text io.Reader, records *records, into *collection) error {
	into.unit, into.text = "line", true
	lines := csv.NewReader(text)
	lines.ReuseRecord = true
	header, err := lines.Read()
	if err != nil {
		return err
	}
	thread, err := column(header, threadColumn)
	if err != nil {
		return err
	}
	user, err := column(header, userColumn)
	if err != nil {
		return err
	}
	line := 1
	for {
		records.next()
		fields, err := lines.Read()
		var mistake *csv.ParseError // says on which line it is
		switch {
		case errors.Is(err, io.EOF) && records.last != '\n':
			return fmt.Errorf("line %d: has no line break at its end: was the file cut? If not, add one", line)
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &mistake):
			return err
		case err != nil:
			return fmt.Errorf("after line %d: %w", line, err)
		}
		line, _ = lines.FieldPos(thread)
		into.add(line, fields[thread], fields[user])
	}
}

// column returns which column of the header has a name.
func column(header []string, name string) (int, error) {
	found := slices.Index(header, name)
	switch {
	case found < 0:
		return 0, fmt.Errorf("line 1: %.200q: is neither JSON nor SQLite nor a CSV header with the column %s: want %s,%s",
			header, name, threadColumn, userColumn)
	case slices.Contains(header[found+1:], name):
		return 0, fmt.Errorf("line 1: has the column %s twice", name)
	}
	return found, nil
}
