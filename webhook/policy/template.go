package policy

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// The placeholders of a Template.
const (
	userPlaceholder   = "{user}"
	threadPlaceholder = "{thread}"
)

// Template is a relative path in which the segments {user} and {thread} stand for the ids of
// an identity: users/{user}/threads/{thread}/user-data. Path writes such a path and Parse reads
// it: each is the other's inverse.
type Template struct {
	text     string
	segments []string
}

// ParseTemplate reads a template. A placeholder must be a whole segment and occur once. The path
// must be clean and relative. The error says which of these is broken.
func ParseTemplate(text string) (Template, error) {
	if err := checkRelative(text); err != nil {
		return Template{}, err
	}
	t := Template{text: text, segments: strings.Split(text, "/")}
	seen := map[string]bool{}
	for _, segment := range t.segments {
		placeholder := segment == userPlaceholder || segment == threadPlaceholder
		switch {
		case placeholder && seen[segment]:
			return Template{}, fmt.Errorf("%s may occur only once", segment)
		case placeholder:
			seen[segment] = true
		case strings.ContainsAny(segment, "{}"):
			return Template{}, fmt.Errorf("segment %q: only {user} and {thread} are placeholders, and each must be a whole segment", segment)
		case strings.HasSuffix(segment, ".") || strings.HasSuffix(segment, " "):
			return Template{}, fmt.Errorf("segment %q: must not end in a dot or a space, which SMB shares leave out", segment)
		case !norm.NFC.IsNormalString(segment):
			return Template{}, fmt.Errorf("segment %+q: must be in the normal form NFC (%+q), into which some filesystems bring it", segment, norm.NFC.String(segment))
		}
	}
	return t, nil
}

// checkRelative tells what keeps path from being a clean, non-empty path below some root.
func checkRelative(path string) error {
	if path == "" {
		return errors.New("must not be empty")
	}
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "":
			return errors.New("must be relative, without empty segments or a slash at the end")
		case ".", "..":
			return fmt.Errorf("must not contain the segment %q", segment)
		}
	}
	return nil
}

// String returns the template as it was written in the policy.
func (t Template) String() string { return t.text }

// HasUser reports whether the path depends on the user.
func (t Template) HasUser() bool { return t.has(userPlaceholder) }

// HasThread reports whether the path depends on the thread.
func (t Template) HasThread() bool { return t.has(threadPlaceholder) }

func (t Template) has(placeholder string) bool {
	for _, segment := range t.segments {
		if segment == placeholder {
			return true
		}
	}
	return false
}

// Path returns the directory of an identity whose ids are valid.
func (t Template) Path(id Identity) string {
	var path strings.Builder
	path.Grow(len(t.text) + len(id.User) + len(id.Thread))
	for i, segment := range t.segments {
		if i > 0 {
			path.WriteByte('/')
		}
		switch segment {
		case userPlaceholder:
			path.WriteString(id.User)
		case threadPlaceholder:
			path.WriteString(id.Thread)
		default:
			path.WriteString(segment)
		}
	}
	return path.String()
}

// Parse returns the ids that a clean path spells, if it is a directory of the template at all.
// The ids are not empty; whether they are legal is the policy's to say.
func (t Template) Parse(path string) (Identity, bool) {
	var id Identity
	for i, segment := range t.segments {
		own, rest, more := strings.Cut(path, "/")
		last := i == len(t.segments)-1
		if own == "" || more == last {
			return Identity{}, false
		}
		switch segment {
		case userPlaceholder:
			id.User = own
		case threadPlaceholder:
			id.Thread = own
		case own:
		default:
			return Identity{}, false
		}
		path = rest
	}
	return id, len(t.segments) > 0
}

// Overlap tells why two directories of a layout cannot stand beside each other; the empty
// string means that they can. They cannot if both could be one directory, or one an ancestor of
// the other, for different identities, or if the upper one is writable: a sandbox could then put
// a symlink in the way of the lower one's mount. Nothing lies around what every sandbox may write to. Two threads of
// one user count as two identities. Segments that differ by case, width or normalisation only are refused.
// characters are the further characters of ids.
func Overlap(a, b Directory, characters string) string {
	if len(a.segments) > len(b.segments) {
		a, b = b, a
	}
	differently := false
	for i, segment := range a.segments {
		other := b.segments[i]
		switch {
		case segment == other:
		case fold(segment) == fold(other):
			return fmt.Sprintf("%s and %s are one directory where a filesystem does not tell %+q from %+q", a, b, segment, other)
		case isPlaceholder(segment) && (isPlaceholder(other) || couldBeID(other, characters)),
			isPlaceholder(other) && couldBeID(segment, characters):
			differently = true
		default:
			return ""
		}
	}
	same := len(a.segments) == len(b.segments)
	switch {
	case !same && b.SharedByAll:
		return fmt.Sprintf("%s lies below %s, and is sharedByAll", b, a)
	case same && differently:
		return fmt.Sprintf("%s and %s could be one directory, of different identities", a, b)
	case same:
		return fmt.Sprintf("%s and %s are the same directory", a, b)
	case a.Access == ReadWrite:
		return fmt.Sprintf("%s lies below %s, which is ReadWrite", b, a)
	case differently || !a.HasUser() && b.HasUser() || !a.HasThread() && b.HasThread():
		return fmt.Sprintf("%s lies below %s, which other identities can read", b, a)
	}
	return ""
}

func isPlaceholder(segment string) bool {
	return segment == userPlaceholder || segment == threadPlaceholder
}

// fold returns a name in the form that it has in common with all names that some filesystem takes for it: without
// case, width and normalisation (https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-3/, D146).
func fold(name string) string {
	folded := cases.Fold().String(norm.NFKD.String(name))
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(folded)))
}

// couldBeID reports whether a literal segment, or what some filesystem takes for it, is a legal id where ids have
// further characters. LOST+FOUND is one, and what it folds to is none.
func couldBeID(segment, characters string) bool {
	rule := IDRule{MaxLength: MaxUserLength, Characters: characters}
	return rule.Check(segment) == "" || rule.Check(fold(segment)) == ""
}
