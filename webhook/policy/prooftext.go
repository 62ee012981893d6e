package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ProofText is what a gateway hashes for a sandbox id, with {user} and {thread} in the place of the ids: parts
// that are divided by colons, which no id has. It reads "{user}:{thread}" or "mount-v2:{user}:{thread}".
type ProofText struct {
	text  string
	parts []string
}

// ParseProofText reads a template. It must hold {user} once and, if the layout has threads, {thread} once, each as
// a part of its own, and no other braces or control characters. The error says which of these is broken.
func ParseProofText(text string, threads bool) (ProofText, error) {
	t := ProofText{text: text, parts: strings.Split(text, ":")}
	count := map[string]int{}
	for _, part := range t.parts {
		count[part]++
		switch {
		case isPlaceholder(part):
		case part == "":
			return ProofText{}, errors.New("must not have an empty part: colons divide")
		case strings.ContainsAny(part, "{}"):
			return ProofText{}, fmt.Errorf("part %q: only {user} and {thread} are placeholders, and colons divide each from the rest", part)
		case strings.ContainsFunc(part, func(r rune) bool { return r <= ' ' || r > '~' }):
			return ProofText{}, fmt.Errorf("part %q: must be of printable ASCII without spaces", part)
		}
	}
	switch {
	case count[userPlaceholder] != 1:
		return ProofText{}, errors.New("must hold {user} once")
	case threads && count[threadPlaceholder] != 1:
		return ProofText{}, errors.New("must hold {thread} once, as the layout has threads")
	case !threads && count[threadPlaceholder] > 0:
		return ProofText{}, errors.New("must not hold {thread}: the layout has no threads")
	}
	return t, nil
}

// DefaultProofText returns what is hashed where a policy does not say it.
func DefaultProofText(threads bool) ProofText {
	text := userPlaceholder
	if threads {
		text += ":" + threadPlaceholder
	}
	return ProofText{text: text, parts: strings.Split(text, ":")}
}

// String returns the template as it was written in the policy.
func (t ProofText) String() string { return t.text }

// MarshalText has a message show the template.
func (t ProofText) MarshalText() ([]byte, error) { return []byte(t.text), nil }

// Of returns the text of an identity. The boolean tells whether the template holds just the ids that it has.
func (t ProofText) Of(id Identity) (string, bool) {
	if slices.Contains(t.parts, threadPlaceholder) != (id.Thread != "") {
		return "", false
	}
	parts := slices.Clone(t.parts)
	for i, part := range parts {
		switch part {
		case userPlaceholder:
			parts[i] = id.User
		case threadPlaceholder:
			parts[i] = id.Thread
		}
	}
	return strings.Join(parts, ":"), true
}

// CouldBe reports whether two templates could come to one text. Two identities might then have it. Parts are
// compared each with the other's: of an id everything is known but which it is.
func (t ProofText) CouldBe(other ProofText) bool {
	if len(t.parts) != len(other.parts) {
		return false
	}
	for i, part := range t.parts {
		if !couldBePart(part, other.parts[i]) {
			return false
		}
	}
	return true
}

func couldBePart(a, b string) bool {
	switch {
	case a == b, isPlaceholder(a) && isPlaceholder(b):
		return true
	case isPlaceholder(a):
		return couldBeID(b, IDCharacters)
	case isPlaceholder(b):
		return couldBeID(a, IDCharacters)
	default:
		return false
	}
}
