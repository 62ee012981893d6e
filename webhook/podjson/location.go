package podjson

import (
	"fmt"
	"strconv"
	"strings"
)

// Location is one field of a Pod, from the root: a string is a member, an int an element of
// a list, a mapKey an entry of a map.
type Location []any

// MapKey is a key that the writer of the Pod chose, as in labels and annotations.
type MapKey string

// Child returns the location of a field below l. It never writes into l's memory.
func (l Location) Child(steps ...any) Location {
	return append(l[:len(l):len(l)], steps...)
}

// String is the location as Kubernetes prints it in errors: spec.volumes[0].name.
func (l Location) String() string {
	var b strings.Builder
	for i, step := range l {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		case MapKey:
			fmt.Fprintf(&b, "[%s]", Printable(string(step)))
		case string:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(Printable(step))
		}
	}
	return b.String()
}

// usualPointer is as long as most pointers are, so that their memory is taken once.
const usualPointer = 64

// pointerEscapes are those of RFC 6901, section 3.
var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// Pointer is the location as an RFC 6901 JSON pointer: /spec/volumes/0/name.
func (l Location) Pointer() string {
	var b strings.Builder
	b.Grow(usualPointer)
	for _, step := range l {
		b.WriteByte('/')
		switch step := step.(type) {
		case int:
			b.WriteString(strconv.Itoa(step))
		case MapKey:
			b.WriteString(pointerEscapes.Replace(string(step)))
		case string:
			b.WriteString(step)
		}
	}
	return b.String()
}
