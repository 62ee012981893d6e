package scope

import (
	"fmt"
	"strconv"
	"strings"
)

// location is one field of a Pod, from the root: a string is a member, an int an element of
// a list, a mapKey an entry of a map.
type location []any

// mapKey is a key that the writer of the Pod chose, as in labels and annotations.
type mapKey string

// child returns the location of a field below l. It never writes into l's memory.
func (l location) child(steps ...any) location {
	return append(l[:len(l):len(l)], steps...)
}

// String is the location as Kubernetes prints it in errors: spec.volumes[0].name.
func (l location) String() string {
	var b strings.Builder
	for i, step := range l {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		case mapKey:
			fmt.Fprintf(&b, "[%s]", printable(string(step)))
		case string:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(printable(step))
		}
	}
	return b.String()
}

// pointer is the location as an RFC 6901 JSON pointer: /spec/volumes/0/name.
func (l location) pointer() string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, step := range l {
		b.WriteByte('/')
		switch step := step.(type) {
		case int:
			b.WriteString(strconv.Itoa(step))
		case mapKey:
			b.WriteString(escape.Replace(string(step)))
		case string:
			b.WriteString(step)
		}
	}
	return b.String()
}
