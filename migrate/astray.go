package migrate

import (
	"cmp"
	"fmt"
	"slices"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// leftovers are the files that an undo leaves where they are.
type leftovers struct {
	// astray are the files that are no longer where a run moved them, by inode: several runs may have
	// moved one file, and an earlier run may still find it.
	astray map[uint64]astray
	// listed holds the inodes of the files in list.
	listed map[uint64]bool
	list   []Left
}

// astray is a file that is no longer where a run moved it.
type astray struct {
	Left
	// gone is true if nothing else is at the file's new place.
	gone bool
}

func newLeftovers() leftovers {
	return leftovers{astray: map[uint64]astray{}, listed: map[uint64]bool{}}
}

// add lists a file once.
func (l *leftovers) add(move journal.Move, why string) {
	if !l.listed[move.Inode] {
		l.listed[move.Inode] = true
		l.list = append(l.list, Left{move.To.Name, why})
	}
}

// found takes a file from those that are astray: it is at the place of an earlier run, or back.
func (l *leftovers) found(move journal.Move) { delete(l.astray, move.Inode) }

// stray notes a file that is not at its new place, where now is instead, nor at its old place from.
func (l *leftovers) stray(move journal.Move, from string, now claim.Info) {
	if _, known := l.astray[move.Inode]; known {
		return // a later run noted the place where the file was last
	}
	file := astray{Left{move.To.Name, "is another than was moved here"}, false}
	if now.Kind == claim.Missing {
		const why = "is gone, and not at its old place %q either: bring it back, or give it up with --forget-gone"
		file = astray{Left{move.To.Name, fmt.Sprintf(why, from)}, true}
	}
	l.astray[move.Inode] = file
}

// settle lists the files that no run has found, those that are gone only if they are not to be
// forgotten, and returns how many are gone.
func (l *leftovers) settle(forgetGone bool) (gone int) {
	for inode, file := range l.astray {
		if l.listed[inode] {
			continue
		}
		if file.gone {
			gone++
		}
		if !file.gone || !forgetGone {
			l.list = append(l.list, file.Left)
		}
	}
	slices.SortFunc(l.list, func(a, b Left) int { return cmp.Compare(a.Path, b.Path) })
	return gone
}
