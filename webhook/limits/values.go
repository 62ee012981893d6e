package limits

// Values counts the values of a JSON text (RFC 8259) that is written to it in pieces: objects, arrays, strings,
// numbers and literals, but not the names of members. Of a text that is no JSON it counts some number, which
// grows by at most one with each byte.
//
// A decoder makes a Go value of each, which may be hundreds of times as large as its text.
type Values struct {
	count int
	// begun means that the text has begun: its first value has no comma before it.
	begun bool
	// opened means that a bracket was the last, so that what follows is the first value in it or its end.
	opened bool
	// quoted and escaped mean that the text stands in a string, and behind a backslash there.
	quoted, escaped bool
}

// Count is how many values there were so far.
func (v *Values) Count() int { return v.count }

// Write counts what begins in the next piece. It never fails.
func (v *Values) Write(piece []byte) (int, error) {
	for i := 0; i < len(piece); i++ {
		if v.quoted {
			i = v.skipString(piece, i)
			continue
		}
		switch piece[i] {
		case ' ', '\t', '\r', '\n':
		case ',':
			v.count++
		case ']', '}':
			v.opened = false
		case '[', '{':
			v.begin()
			v.opened = true
		case '"':
			v.begin()
			v.quoted = true
		default:
			v.begin()
		}
	}
	return len(piece), nil
}

// begin counts the first value of the text or of a bracket; a comma counts each other.
func (v *Values) begin() {
	if v.opened || !v.begun {
		v.count++
	}
	v.begun, v.opened = true, false
}

// skipString returns the index of the last byte of the string that the piece continues at from.
func (v *Values) skipString(piece []byte, from int) int {
	for i := from; i < len(piece); i++ {
		switch {
		case v.escaped:
			v.escaped = false
		case piece[i] == '\\':
			v.escaped = true
		case piece[i] == '"':
			v.quoted = false
			return i
		}
	}
	return len(piece)
}
