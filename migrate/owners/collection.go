package owners

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxMistakes is how many mistakes of a source are listed. More of them are counted: they are
// mostly one mistake, repeated in every line.
const maxMistakes = 20

// nulls are what tools write for NULL, in any case, and that would be legal ids. A user of such a name
// can be had from the database itself.
var nulls = []string{"null", "none", "nil", "undefined", "nan"}

// collection is the owners that were read so far, and what is wrong with them.
type collection struct {
	// unit is what positions count: lines, entries or rows.
	unit string
	// text tells that the source is an export, in which a database's NULL may have become a word.
	text bool

	owners Owners
	// positions are where each thread stands, those without an owner too.
	positions map[string]int
	// users has each user's id once, however many threads it owns.
	users map[string]string

	mistakes []error
	more     int
}

func newCollection() *collection {
	return &collection{owners: Owners{}, positions: map[string]int{}, users: map[string]string{}}
}

// add takes a thread and its user, who is empty for none, from a position of the source.
func (c *collection) add(position int, thread, user string) {
	if problem := threadRule.Check(thread); problem != "" {
		c.mistake("%s %d: %s %.80q: %s", c.unit, position, threadColumn, thread, problem)
		return
	}
	if first, again := c.positions[thread]; again {
		c.mistake("%s %d: %s %q: is named again, with %s %.80q; %s %d has it with %q: leave one",
			c.unit, position, threadColumn, thread, userColumn, user, c.unit, first, c.owners[thread])
		return
	}
	thread = strings.Clone(thread) // it may be a part of a whole line
	c.positions[thread] = position
	switch {
	case user == "":
		return
	case c.text && slices.Contains(nulls, strings.ToLower(user)):
		c.mistake("%s %d: %s of thread %q: %q is a word for no user, and would be one: leave it empty", c.unit, position, userColumn, thread, user)
		return
	}
	if problem := userRule.Check(user); problem != "" {
		c.mistake("%s %d: %s %.80q of thread %q: %s", c.unit, position, userColumn, user, thread, problem)
		return
	}
	c.owners[thread] = c.intern(user)
}

func (c *collection) intern(user string) string {
	known, ok := c.users[user]
	if !ok {
		known = strings.Clone(user)
		c.users[known] = known
	}
	return known
}

func (c *collection) mistake(format string, args ...any) {
	if len(c.mistakes) == maxMistakes {
		c.more++
		return
	}
	c.mistakes = append(c.mistakes, fmt.Errorf(format, args...))
}

// result returns the owners or, if there is a single mistake, all mistakes, each in one line that
// begins with the source. The last may be what ended the reading too early.
func (c *collection) result(source string, last error) (Owners, error) {
	mistakes := c.mistakes
	if c.more > 0 {
		mistakes = append(mistakes, fmt.Errorf("and %d more mistakes", c.more))
	}
	if last != nil {
		mistakes = append(mistakes, last)
	}
	if len(mistakes) == 0 {
		return c.owners, nil
	}
	for i, mistake := range mistakes {
		mistakes[i] = fmt.Errorf("%s: %w", source, mistake)
	}
	return nil, errors.Join(mistakes...)
}
