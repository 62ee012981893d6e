package migrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// UndoOptions say how to undo.
type UndoOptions struct {
	// ForgetGone gives up files that are neither where apply put them nor at their old places. Without
	// it such files are listed: they, or their users' directories, may only have another name now.
	ForgetGone bool
}

// Undone is what an undo did and what it left.
type Undone struct {
	// Back is how many files are back at their old places.
	Back int
	// Gone is how many files are neither where apply put them nor at their old places.
	Gone int
	// Left is what a person must look at, with the files that are gone, unless those are given up.
	// While there is any, the journal stays, and undo can be run again.
	Left []Left
	// ByPath is how many of those that are back were known by their paths only, because the filesystem has
	// numbered its files anew since apply.
	ByPath int
	// NoJournal is true if there was no journal, and only the rest of its directory was removed.
	NoJournal bool
}

// Left is a file that undo left where it is.
type Left struct {
	// Path is relative to the root.
	Path string
	Why  string
}

// Undo moves back, by the journal, all that apply moved. If nothing is left of it, Undo removes the
// directories that apply made, restores the times of those that apply changed, and removes the
// journal: the tree is what it was. Undo goes on where an earlier undo was cut short.
func Undo(ctx context.Context, claimFS FS, options UndoOptions, progress Progress) (*Undone, error) {
	info, err := claimFS.Lstat(stateDir())
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
	u := &undoer{ctx: ctx, fs: claimFS, progress: progress, dirs: newDirectories(), left: newLeftovers()}
	u.reader = runReader{fs: claimFS, made: u.dirs.made}
	err = u.undo(options)
	if err == nil && len(u.left.list) == 0 {
		u.left.list, err = strangers(claimFS)
	}
	u.undone.Left = u.left.list
	if errors.Is(err, errInterrupted) { // the line of the journal does not matter
		err = fmt.Errorf("%w after %d of %d moves: run it again to go on", errInterrupted, u.tried, u.total)
	}
	if err != nil || len(u.undone.Left) > 0 {
		return &u.undone, errors.Join(err, unlock())
	}
	if err := discard(claimFS, unlock, u.rootTime); err != nil {
		return &u.undone, err
	}
	return &u.undone, claimFS.SyncDir(stateDir().Dir())
}

type undoer struct {
	ctx      context.Context
	fs       FS
	reader   runReader
	mover    mover
	progress Progress

	rootTime time.Time
	// reserved is true if empty directories may reserve places.
	reserved bool
	// renumbered is true if the filesystem has numbered its files anew since apply.
	renumbered bool
	dirs       directories
	left       leftovers
	undone     Undone
	tried      int
	total      int
}

func (u *undoer) undo(options UndoOptions) error {
	// The whole journal is read before anything changes: it may be damaged.
	before, err := readJournal(u.fs, u.survey)
	if err != nil {
		return err
	}
	if u.undone.NoJournal = before.header == nil; u.undone.NoJournal {
		return nil
	}
	u.rootTime, u.renumbered = before.header.RootTime, before.renumbered
	if u.ctx.Err() != nil {
		return errInterrupted
	}
	if u.mover, err = undoMover(u.fs, before); err != nil {
		return err
	}
	u.reserved = before.reserves || u.mover.filesystem.Moves == journal.Reserving
	for dir := range before.found {
		delete(u.dirs.made, dir)
	}
	// The last run first: its old tree may be where an earlier run put the files that were in the way.
	for run := before.runs; run > 0; run-- {
		if err := u.reader.read(run, u.move); err != nil {
			return err
		}
	}
	u.undone.Gone = u.left.settle(options.ForgetGone)
	if len(u.left.list) > 0 {
		return nil
	}
	return u.tidy()
}

// undoMover probes the filesystem, and returns what moves files back. On a full disk, which undo may be the way
// out of, the answer of the last apply holds.
func undoMover(claimFS FS, before state) (mover, error) {
	probed, err := probe(claimFS)
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
	switch {
	case full && before.filesystem != nil:
		return mover{claimFS, before.filesystem}, nil
	case err != nil:
		return mover{}, err
	}
	return mover{claimFS, &probed.Filesystem}, probed.refused()
}

// survey notes what is to be restored once all files are back.
func (u *undoer) survey(record journal.Record) error {
	switch {
	case record.Run != nil:
		u.reader.legacy = record.Run.Legacy
	case record.Batch != nil:
		u.total += len(record.Batch.Moves)
		for _, dir := range record.Batch.Dirs {
			u.dirs.made[dir.Path] = true
		}
		for _, t := range record.Batch.Times {
			u.dirs.note(t, u.reader.legacy)
		}
	case record.Found != nil:
		u.dirs.note(*record.Found, u.reader.legacy)
	}
	return nil
}

// move undoes a move, if it happened, and counts it.
func (u *undoer) move(move journal.Move) error {
	if u.ctx.Err() != nil {
		return errInterrupted
	}
	if err := u.moveBack(move); err != nil {
		return fmt.Errorf("after %d of %d moves: %w", u.tried, u.total, err)
	}
	u.tried++
	u.progress(u.tried, u.total)
	return nil
}

// moveBack undoes a move, if it happened. Files that the run did not move stay where they are.
func (u *undoer) moveBack(move journal.Move) error {
	old, err := u.reader.lstatOld(move)
	if err != nil {
		return u.failed(move, err)
	}
	now, err := u.fs.Identify(move.To)
	place := u.whereIs(move, old, now)
	switch {
	case place == atOld: // it never moved, or is back
		u.left.found(move, u.reader.place(move.From))
		if err == nil && (u.reserved || move.Compare(now) == claim.Same) {
			return u.failed(move, release(u.fs, u.mover.filesystem, move.From, move.To, move.Identity))
		}
		return nil
	case err != nil:
		return u.failed(move, err)
	case place == nowhere:
		from := u.reader.place(move.From)
		if !u.dirs.made[root(from)] { // else apply made it, and an undo that was cut short removed it
			u.left.stray(move, from, now)
		}
		return nil
	case u.reader.removed:
		return u.reader.noOldTree()
	}
	err = u.mover.move(now, move.To, move.From)
	if errors.Is(err, fs.ErrExist) && u.frees(move, old) {
		if err = freed(u.fs.Rmdir(move.From)); err == nil {
			err = u.mover.move(now, move.To, move.From)
		}
	}
	switch {
	case err == nil:
		u.undone.Back++
		if move.Compare(now) == claim.Unknown {
			u.undone.ByPath++
		}
		u.left.found(move, u.reader.place(move.From))
		return nil
	case errors.Is(err, fs.ErrExist):
		u.leave(move, "something is at its old place")
		return nil
	default:
		return u.failed(move, err)
	}
}

// frees reports whether only an empty directory of the migration itself can be at an old place. Either
// an undo that was cut short reserved the place by it, or a later run made it, for example in
// migration-conflicts, after that run had moved on the file that lay there.
func (u *undoer) frees(move journal.Move, old claim.Info) bool {
	if old.Kind != claim.Directory {
		return false
	}
	return u.reserved && u.mover.filesystem.Made(old, euid()) || u.dirs.made[root(u.reader.place(move.From))]
}

// failed lists a file, or returns the error if it concerns more than this file.
func (u *undoer) failed(move journal.Move, err error) error {
	if !alone(err) {
		return err
	}
	u.leave(move, err.Error())
	return nil
}

func (u *undoer) leave(move journal.Move, why string) {
	u.left.add(move, u.reader.place(move.From), why)
}

// tidy removes the directories that apply made, restores times, and syncs.
func (u *undoer) tidy() error {
	left, err := u.dirs.remove(u.ctx, u.fs)
	u.left.list = append(u.left.list, left...)
	if err != nil {
		return err
	}
	left, err = u.dirs.restoreTimes(u.ctx, &u.reader)
	u.left.list = append(u.left.list, left...)
	if err != nil {
		return err
	}
	return u.fs.Sync()
}

// strangers lists the files in the directory of the state that are not the migration's.
func strangers(claimFS FS) (left []Left, err error) {
	names, err := claimFS.List(stateDir())
	if err != nil {
		return nil, err
	}
	own := []claim.Path{journalFile(), newJournalFile(), lockFile(), stateDir().Join(probeDir().Base())}
	slices.Sort(names)
	for _, name := range names {
		file := stateDir().Join(name)
		if !slices.Contains(own, file) {
			left = append(left, Left{file.Name, "is not the migration's, and would keep its directory: move it away"})
		}
	}
	return left, nil
}
