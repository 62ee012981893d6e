package scope

import (
	"errors"
	"fmt"
	"strings"
)

// The placeholders of a Template.
const (
	userPlaceholder   = "{user}"
	threadPlaceholder = "{thread}"
)

// Template is a relative path in which the segments {user} and {thread} stand for the ids of
// an identity: users/{user}/threads/{thread}/user-data. Path writes such a path.
type Template struct {
	text     string
	segments []string
}

// ParseTemplate reads a template. A placeholder must be a whole segment and occur once, and
// {thread} needs {user}: a directory by thread alone is where two users meet. The path must
// be clean and relative. The error says which of these is broken.
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
		}
	}
	if seen[threadPlaceholder] && !seen[userPlaceholder] {
		return Template{}, errors.New("{thread} needs {user} in the same path: threads of different users may carry the same id")
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
	segments := make([]string, len(t.segments))
	for i, segment := range t.segments {
		switch segment {
		case userPlaceholder:
			segments[i] = id.User
		case threadPlaceholder:
			segments[i] = id.Thread
		default:
			segments[i] = segment
		}
	}
	return strings.Join(segments, "/")
}
