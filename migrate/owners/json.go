package owners

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// jsonReader reads the owners in a JSON file, one entry at a time: a file of a hundred thousand is
// never held whole. It looks at every key itself, because encoding/json takes the last of two that
// are the same.
type jsonReader struct {
	*json.Decoder
	records *records
	into    *collection
	entry   int
}

// readJSON reads an object from thread to user, or a list of objects with both.
func readJSON(text io.Reader, records *records, into *collection) error {
	into.unit, into.text = "entry", true
	r := &jsonReader{json.NewDecoder(text), records, into, 0}
	r.UseNumber() // to show one as it was written
	start, err := r.Token()
	if err != nil {
		return r.explain(err)
	}
	read := r.pair
	if start == json.Delim('[') {
		read = r.row
	}
	for r.More() {
		r.entry++
		records.next()
		if err := read(); err != nil {
			return r.explain(err)
		}
	}
	if _, err := r.Token(); err != nil {
		return r.explain(err)
	}
	records.next()
	if _, err := r.Token(); !errors.Is(err, io.EOF) {
		return errors.New("goes on after the JSON value: want one object or one list")
	}
	return nil
}

// explain says where in the file an error is.
func (r *jsonReader) explain(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	case errors.As(err, &syntax):
		return fmt.Errorf("byte %d: %w", syntax.Offset, err)
	}
	if r.entry == 0 {
		return err
	}
	return fmt.Errorf("entry %d: %w", r.entry, err)
}

// pair reads one entry of the object.
func (r *jsonReader) pair() error {
	thread, err := r.text("the key")
	if err != nil {
		return err
	}
	if thread == threadColumn || thread == userColumn {
		return fmt.Errorf("%q: is a key where a thread belongs: put the objects into one list", thread)
	}
	user, err := r.text(fmt.Sprintf("%.80q", thread))
	if err != nil {
		return err
	}
	r.into.add(r.entry, thread, user)
	return nil
}

// row reads one object of the list.
func (r *jsonReader) row() error {
	start, err := r.Token()
	if err != nil {
		return err
	}
	if start != json.Delim('{') {
		return fmt.Errorf("is no object with %s and %s", threadColumn, userColumn)
	}
	values := map[string]string{}
	for r.More() {
		key, err := r.text("the key")
		if err != nil {
			return err
		}
		if key != threadColumn && key != userColumn {
			var ignored json.RawMessage
			if err := r.Decode(&ignored); err != nil {
				return err
			}
			continue
		}
		if _, again := values[key]; again {
			return fmt.Errorf("has %s twice", key)
		}
		if values[key], err = r.text(key); err != nil {
			return err
		}
	}
	if _, err := r.Token(); err != nil { // the object's end
		return err
	}
	for _, key := range []string{threadColumn, userColumn} {
		if _, ok := values[key]; !ok {
			return fmt.Errorf("has no %s", key)
		}
	}
	r.into.add(r.entry, values[threadColumn], values[userColumn])
	return nil
}

// text reads a string, or the empty one from null.
func (r *jsonReader) text(what string) (string, error) {
	token, err := r.Token()
	if err != nil {
		return "", err
	}
	switch value := token.(type) {
	case string:
		return value, nil
	case nil:
		return "", nil
	}
	return "", fmt.Errorf("%s: %v: want a string", what, token)
}
