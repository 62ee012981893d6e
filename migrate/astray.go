package migrate

import (
	"cmp"
	"fmt"
	"slices"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// leftovers are the files that an undo leaves where they are. Several runs may have moved one file, from place
// to place. Undo reads the last run first, and an earlier run may still find the file.
type leftovers struct {
	// fates are the files that are not back yet, by the place from which the last run read moved them.
	fates map[string]*fate
	// all are the fates in the order of their discovery.
	all  []*fate
	list []Left
}

// fate is what has become of a file that is not back.
type fate struct {
	id claim.Identity
	// astray says where the file was last; nil if it has been found, or is in the list.
	astray *Left
	// gone is true if nothing else is at that place.
	gone bool
}

func newLeftovers() leftovers { return leftovers{fates: map[string]*fate{}} }

// later returns the fate of a file that a later run was to move too: on from the new place of this move, or
// from the same old place, because this move never happened.
func (l *leftovers) later(move journal.Move, from string) *fate {
	for _, place := range []string{from, move.To.Name} {
		if known := l.fates[place]; known != nil && !known.id.Contradicts(move.Identity) {
			return known
		}
	}
	return nil
}

// add lists a file once. from is the move's old place, relative to the root.
func (l *leftovers) add(move journal.Move, from, why string) {
	known := l.later(move, from)
	if known == nil {
		l.list = append(l.list, Left{move.To.Name, why})
		known = &fate{}
	}
	known.id = move.Identity
	l.fates[from] = known
}

// found takes a file from those that are astray: it is at the place of an earlier run, or back.
func (l *leftovers) found(move journal.Move, from string) {
	if known := l.later(move, from); known != nil {
		known.astray = nil
	}
}

// stray notes a file that is not at its new place, where now is instead, nor at its old place from.
func (l *leftovers) stray(move journal.Move, from string, now claim.Info) {
	if known := l.later(move, from); known != nil { // a later run noted the place where the file was last
		known.id = move.Identity
		l.fates[from] = known
		return
	}
	file := &fate{id: move.Identity, astray: &Left{move.To.Name, "is another than was moved here"}}
	if now.Kind == claim.Missing {
		const why = "is gone, and not at its old place %q either: bring it back, or give it up with --forget-gone"
		file.gone = true
		file.astray.Why = fmt.Sprintf(why, from)
	}
	l.fates[from] = file
	l.all = append(l.all, file)
}

// settle lists the files that no run has found, those that are gone only if they are not to be
// forgotten, and returns how many are gone.
func (l *leftovers) settle(forgetGone bool) (gone int) {
	for _, file := range l.all {
		if file.astray == nil {
			continue
		}
		if file.gone {
			gone++
		}
		if !file.gone || !forgetGone {
			l.list = append(l.list, *file.astray)
		}
	}
	slices.SortFunc(l.list, func(a, b Left) int { return cmp.Compare(a.Path, b.Path) })
	return gone
}
