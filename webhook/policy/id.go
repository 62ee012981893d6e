package policy

import (
	"fmt"
	"regexp"
	"strings"
)

// IDRule says where one half of an identity is declared and which values are legal.
//
// An id becomes the name of a directory. Its alphabet is ASCII letters, digits, "_" and "-", and the
// policy's further characters.
type IDRule struct {
	// Key is the label and the annotation that declare the id.
	Key string

	// MaxLength is the longest legal id, in bytes.
	MaxLength int

	// Characters are further characters of ids, out of IDCharacters: a text of these, each once. None of
	// them is the first or last of an id, and no two dots follow each other.
	Characters string

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

// IDCharacter is a character that a policy may admit into ids beyond the safe ones.
type IDCharacter string

// The characters that a policy may admit.
const (
	Dot    IDCharacter = "."
	AtSign IDCharacter = "@"
	Plus   IDCharacter = "+"
	Tilde  IDCharacter = "~"
)

// IDCharacters are all characters that a policy may admit.
const IDCharacters = ".@+~"

// LostAndFound is the directory of a filesystem's check, at the root of ext4 for instance: nobody's.
const LostAndFound = "lost+found"

// Check tells why id is not legal under the rule; the empty string means that it is.
func (r IDRule) Check(id string) string {
	if id == "" {
		return "is empty"
	}
	if len(id) > r.MaxLength {
		return fmt.Sprintf("is %d bytes long, and %d are allowed", len(id), r.MaxLength)
	}
	for i := range len(id) {
		if !safe(id[i]) && strings.IndexByte(r.Characters, id[i]) < 0 {
			if r.Characters == IDCharacters {
				return neverLegal
			}
			return r.otherCharacters(id)
		}
		if r.LowerCase && 'A' <= id[i] && id[i] <= 'Z' {
			return "has upper-case letters, which the policy's filesystem cannot tell from lower-case ones"
		}
	}
	switch {
	case !safe(id[0]), !safe(id[len(id)-1]):
		return "begins or ends with one of " + r.Characters + ", which may only stand inside"
	case strings.Contains(id, ".."):
		return "contains .."
	case id == LostAndFound:
		return "is a directory of the filesystem's own"
	}
	if r.Pattern != nil && !r.Pattern.MatchString(id) {
		return "does not match the policy's pattern"
	}
	return ""
}

const neverLegal = "has characters that no policy can admit there"

// otherCharacters says of an id which characters it may have, or that it can never have those that it has.
func (r IDRule) otherCharacters(id string) string {
	if !r.CouldAdmit(id) {
		return neverLegal
	}
	problem := "has characters other than A-Z, a-z, 0-9, _ and -"
	if r.Characters != "" {
		problem += " and " + r.Characters
	}
	return problem + " (see idCharacters)"
}

// CouldAdmit reports whether an id has further characters that the policy does not admit and might: with them it
// would be legal, but for pattern and case.
func (r IDRule) CouldAdmit(id string) bool {
	further := strings.ContainsFunc(id, func(c rune) bool {
		return strings.ContainsRune(IDCharacters, c) && !strings.ContainsRune(r.Characters, c)
	})
	if !further || r.LowerCase && strings.Contains(id, string(Tilde)) {
		return false
	}
	return IDRule{MaxLength: r.MaxLength, Characters: IDCharacters}.Check(id) == ""
}

// safe reports whether c may stand in an id: none of these can leave a directory, end a path
// segment or be read differently by two programs.
func safe(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}
