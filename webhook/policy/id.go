package policy

import (
	"fmt"
	"regexp"
)

// IDRule says where one half of an identity is declared and which values are legal.
//
// An id becomes a directory name, so the alphabet is fixed: ASCII letters, digits, "_" and
// "-". A policy may narrow it, never widen it.
type IDRule struct {
	// Key is the label and the annotation that declare the id.
	Key string

	// MaxLength is the longest legal id, in bytes.
	MaxLength int

	// Pattern narrows the legal ids where it is set. It is anchored at both ends.
	Pattern *regexp.Regexp

	// LowerCase refuses upper-case letters: on a case-insensitive filesystem Alice and
	// alice are one directory.
	LowerCase bool
}

// The lengths that ids may have at the most: a user is a file name, a thread is capped by
// DeerFlow itself.
const (
	MaxUserLength   = 255
	MaxThreadLength = 64
)

// Check tells why id is not legal under the rule; the empty string means that it is.
func (r IDRule) Check(id string) string {
	if id == "" {
		return "is empty"
	}
	if len(id) > r.MaxLength {
		return fmt.Sprintf("is %d bytes long, and %d are allowed", len(id), r.MaxLength)
	}
	for i := range len(id) {
		if !safe(id[i]) {
			return "has characters other than A-Z, a-z, 0-9, _ and -"
		}
		if r.LowerCase && 'A' <= id[i] && id[i] <= 'Z' {
			return "has upper-case letters, which the policy's filesystem cannot tell from lower-case ones"
		}
	}
	if r.Pattern != nil && !r.Pattern.MatchString(id) {
		return "does not match the policy's pattern"
	}
	return ""
}

// safe reports whether c may stand in an id: none of these can leave a directory, end a path
// segment or be read differently by two programs.
func safe(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}
