package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"syscall"
	"time"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// Undone is what an undo did and what it left.
type Undone struct {
	// Back is how many files are back at their old places.
	Back int
	// Gone is how many are where apply put them no more, and neither at their old places.
	Gone int
	// Left is what a person must look at. While there is any, the journal stays, and undo can
	// be run again.
	Left []Left
}

// Left is a file that undo left where it is.
type Left struct {
	// Path is relative to the root.
	Path string
	Why  string
}

// Undo moves back, by the journal, all that apply moved. If nothing is left of it, it removes the
// directories that apply made, sets the times of those that it changed to what they were, and
// removes the journal: the tree is what it was. Where a run of it was cut short, it goes on.
func Undo(ctx context.Context, claimFS FS, progress Progress) (*Undone, error) {
	info, err := claimFS.Lstat(root(stateDir))
	if err != nil {
		return nil, err
	}
	if info.Kind == claim.Missing {
		return nil, fmt.Errorf("there is no journal %s: nothing to undo", journalFile().Name)
	}
	unlock, err := lock(claimFS)
	if err != nil {
		return nil, err
	}
	u := &undoer{ctx: ctx, fs: claimFS, progress: progress, times: map[file]time.Time{}, gone: map[file]bool{}, left: map[Left]bool{}}
	// The journal stays as it is: a place that an undo reserved is known without it.
	u.mover = mover{fs: claimFS, noted: func() error { return nil }}
	if err := u.undo(); err != nil || len(u.undone.Left) > 0 {
		return &u.undone, errors.Join(err, unlock())
	}
	return &u.undone, u.finish(unlock)
}

type undoer struct {
	ctx      context.Context
	fs       FS
	mover    mover
	progress Progress
	undone   Undone

	rootTime time.Time
	reserves bool // so did apply
	dirs     []claim.Path
	times    map[file]time.Time
	gone     map[file]bool // by their old places
	left     map[Left]bool // so that what two runs were to move is listed once
	legacy   string
	tried    int
	total    int
}

// file is a file of the root, or of one of the old trees.
type file struct {
	legacy string
	path   claim.Path
}

// file returns the file that a path of the run names whose lines are read.
func (u *undoer) file(p claim.Path) file {
	if p.Tree == claim.Legacy {
		return file{u.legacy, p}
	}
	return file{path: p}
}

func (u *undoer) undo() error {
	// Once before anything is changed: the journal may be damaged.
	before, err := readJournal(u.fs, u.survey)
	if err != nil || before.header == nil {
		return err
	}
	u.rootTime, u.reserves = before.header.RootTime, before.reserves
	_, err = readJournal(u.fs, u.record)
	u.undone.Gone = len(u.gone)
	if err != nil || len(u.undone.Left) > 0 {
		return err
	}
	return u.tidy()
}

// survey notes what is to be put right when all is back.
func (u *undoer) survey(record journal.Record) error {
	switch {
	case record.Run != nil:
		u.legacy = record.Run.Legacy
	case record.Batch != nil:
		u.total += len(record.Batch.Moves)
		for _, dir := range record.Batch.Dirs {
			u.dirs = append(u.dirs, dir.Path)
		}
		for _, t := range record.Batch.Times {
			if _, ok := u.times[u.file(t.Path)]; !ok { // the first is how it was before all runs
				u.times[u.file(t.Path)] = t.ModTime
			}
		}
	}
	return nil
}

// record undoes a line of the journal.
func (u *undoer) record(record journal.Record) error {
	if record.Run != nil {
		u.legacy = record.Run.Legacy
		err := u.fs.UseLegacy(u.legacy)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("the old tree %s is gone: make its directory again, and run this again: %w", u.legacy, err)
		}
		return err
	}
	if record.Batch == nil {
		return nil
	}
	for _, move := range record.Batch.Moves {
		if u.ctx.Err() != nil {
			return fmt.Errorf("interrupted after %d of %d moves: run it again to go on", u.tried, u.total)
		}
		if err := u.move(move); err != nil {
			return fmt.Errorf("after %d of %d moves: %w", u.tried, u.total, err)
		}
		u.tried++
		u.progress(u.tried, u.total)
	}
	return nil
}

// move undoes a move, if it happened. What is not what was moved stays where it is.
func (u *undoer) move(move journal.Move) error {
	old, err := u.fs.Lstat(move.From)
	if err != nil {
		return u.failed(move, err)
	}
	now, err := u.fs.Lstat(move.To)
	switch {
	case old.Kind != claim.Missing && old.Inode == move.Inode: // it never moved, or is back
		delete(u.gone, u.file(move.From))
		if err == nil && (u.reserves || now.Inode == move.Inode) {
			return release(u.fs, move.From, move.To, move.Inode)
		}
		return nil
	case err != nil:
		return u.failed(move, err)
	case now.Kind == claim.Missing:
		u.gone[u.file(move.From)] = true // unless a later run moved it elsewhere
		return nil
	case now.Inode != move.Inode:
		u.leave(move, "is another than was moved here")
		return nil
	}
	err = u.mover.move(now.Kind, move.To, move.From)
	if errors.Is(err, fs.ErrExist) && u.mover.reserves && old.Made(euid()) { // by an undo that was cut short
		if err = freed(u.fs.Rmdir(move.From)); err == nil {
			err = u.mover.move(now.Kind, move.To, move.From)
		}
	}
	switch {
	case err == nil:
		u.undone.Back++
		delete(u.gone, u.file(move.From))
		return nil
	case errors.Is(err, fs.ErrExist):
		u.leave(move, "something is at its old place")
		return nil
	default:
		return u.failed(move, err)
	}
}

// failed leaves a file, or ends the run if the error is of more than this file.
func (u *undoer) failed(move journal.Move, err error) error {
	if !alone(err) {
		return err
	}
	u.leave(move, err.Error())
	return nil
}

func (u *undoer) leave(move journal.Move, why string) {
	left := Left{move.To.Name, why}
	if !u.left[left] {
		u.left[left] = true
		u.undone.Left = append(u.undone.Left, left)
	}
}

// tidy removes the directories that apply made, the deepest first, and puts the times right.
func (u *undoer) tidy() error {
	slices.SortFunc(u.dirs, func(a, b claim.Path) int {
		return cmp.Or(cmp.Compare(len(b.Name), len(a.Name)), cmp.Compare(a.Name, b.Name))
	})
	for _, dir := range slices.Compact(u.dirs) {
		err := u.fs.Rmdir(dir)
		switch {
		case err == nil || errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist):
			u.undone.Left = append(u.undone.Left, Left{dir.Name, "was made for what has moved, and holds something else now"})
		case alone(err):
			u.undone.Left = append(u.undone.Left, Left{dir.Name, err.Error()})
		default:
			return err
		}
	}
	keys := slices.SortedFunc(maps.Keys(u.times), func(a, b file) int { // those of one old tree together
		return cmp.Or(cmp.Compare(a.legacy, b.legacy), cmp.Compare(a.path.Name, b.path.Name))
	})
	for _, key := range keys {
		if key.legacy != "" {
			if err := u.fs.UseLegacy(key.legacy); err != nil {
				return err
			}
		}
		if err := u.fs.SetModTime(key.path, u.times[key]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return u.fs.Sync()
}

// finish removes all trace of the migration.
func (u *undoer) finish(unlock func() error) error {
	if err := discard(u.fs, unlock, u.rootTime); err != nil {
		return err
	}
	return u.fs.SyncDir(root(""))
}
