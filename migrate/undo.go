package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"syscall"
	"time"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// UndoOptions are what an undo is made by.
type UndoOptions struct {
	// ForgetGone gives up what is neither where apply put it nor at its old place. Without it, such
	// files are left: they may only have another name at the moment, or that of their user.
	ForgetGone bool
}

// Undone is what an undo did and what it left.
type Undone struct {
	// Back is how many files are back at their old places.
	Back int
	// Gone is how many are where apply put them no more, and neither at their old places.
	Gone int
	// Left is what a person must look at: what is gone, too, unless it is given up. While there is
	// any, the journal stays, and undo can be run again.
	Left []Left
	// NoJournal is that there was none, and only the rest of its directory has been cleared away.
	NoJournal bool
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
func Undo(ctx context.Context, claimFS FS, options UndoOptions, progress Progress) (*Undone, error) {
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
	u := &undoer{
		ctx: ctx, fs: claimFS, options: options, progress: progress,
		made: map[claim.Path]bool{}, times: map[string]dirTime{}, astray: map[uint64]astray{}, left: map[uint64]bool{},
	}
	// The journal stays as it is: apply has noted, when it moved something, that places are reserved.
	u.mover = mover{fs: claimFS, noted: func() error { return nil }}
	err = u.undo()
	if err == nil && len(u.undone.Left) == 0 {
		err = u.strangers()
	}
	if errors.Is(err, errInterrupted) { // it matters not in which line of the journal
		err = fmt.Errorf("%w after %d of %d moves: run it again to go on", errInterrupted, u.tried, u.total)
	}
	if err != nil || len(u.undone.Left) > 0 {
		return &u.undone, errors.Join(err, unlock())
	}
	return &u.undone, u.finish(unlock)
}

var errInterrupted = errors.New("interrupted")

type undoer struct {
	ctx      context.Context
	fs       FS
	mover    mover
	options  UndoOptions
	progress Progress
	undone   Undone

	rootTime time.Time
	reserves bool                // so did apply
	made     map[claim.Path]bool // directories
	times    map[string]dirTime  // by the directories' names relative to the root
	legacy   string              // the old tree of the run whose lines are read
	removed  bool                // that was a directory that apply made, and is gone
	astray   map[uint64]astray   // by inode, because several runs may have moved a file
	left     map[uint64]bool     // by inode, so that a file is listed once
	tried    int
	total    int
}

// dirTime is when a directory, which may be of an old tree, was changed before apply did.
type dirTime struct {
	legacy  string
	path    claim.Path
	modTime time.Time
}

// astray is a file that is not where a run moved it, unless an earlier run's place is where it is.
type astray struct {
	Left
	gone bool // nothing else is there either
}

// place returns the name, relative to the root, of a path of the run whose lines are read.
func (u *undoer) place(p claim.Path) string {
	if p.Tree == claim.Legacy {
		return path.Join(u.legacy, p.Name)
	}
	return p.Name
}

func (u *undoer) undo() error {
	// Once before anything is changed: the journal may be damaged.
	before, err := readJournal(u.fs, u.survey)
	if err != nil {
		return err
	}
	if u.undone.NoJournal = before.header == nil; u.undone.NoJournal {
		return nil
	}
	u.rootTime, u.reserves = before.header.RootTime, before.reserves
	// The filesystem is not asked again: of a place that an undo reserved, and then was cut short, it
	// would say that it is taken before it says that it cannot rename without replacing.
	u.mover.reserves = before.reserves
	for dir := range before.found {
		delete(u.made, dir)
	}
	// The last run first: its old tree may be where an earlier one put what was in the way.
	for run := before.runs; run > 0; run-- {
		if err := readRun(u.fs, run, u.record); err != nil {
			return err
		}
	}
	u.leaveAstray()
	if len(u.undone.Left) > 0 {
		return nil
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
			u.made[dir.Path] = true
		}
		for _, t := range record.Batch.Times {
			u.time(t)
		}
	case record.Found != nil:
		u.time(*record.Found)
	}
	return nil
}

// time notes when a directory was changed. The first is how it was before all runs.
func (u *undoer) time(t journal.Time) {
	place := u.place(t.Path)
	if _, ok := u.times[place]; ok {
		return
	}
	known := dirTime{path: t.Path, modTime: t.ModTime}
	if t.Path.Tree == claim.Legacy {
		known.legacy = u.legacy
	}
	u.times[place] = known
}

// record undoes a line of the journal.
func (u *undoer) record(record journal.Record) error {
	if record.Run != nil {
		return u.use(record.Run.Legacy)
	}
	if record.Batch == nil {
		return nil
	}
	for _, move := range record.Batch.Moves {
		if u.ctx.Err() != nil {
			return errInterrupted
		}
		if err := u.move(move); err != nil {
			return fmt.Errorf("after %d of %d moves: %w", u.tried, u.total, err)
		}
		u.tried++
		u.progress(u.tried, u.total)
	}
	return nil
}

// use opens an old tree. One that apply had made may be gone, by an undo that was cut short.
func (u *undoer) use(legacy string) error {
	u.legacy, u.removed = legacy, false
	err := u.fs.UseLegacy(legacy)
	if errors.Is(err, fs.ErrNotExist) {
		if u.removed = u.made[root(legacy)]; u.removed {
			return nil
		}
		return fmt.Errorf("%w: %w", u.noOldTree(), err)
	}
	return err
}

func (u *undoer) noOldTree() error {
	return fmt.Errorf("the old tree %s is gone: make its directory again, and run this again", u.legacy)
}

// old tells what is at the old place of a move.
func (u *undoer) old(move journal.Move) (claim.Info, error) {
	if u.removed && move.From.Tree == claim.Legacy {
		return claim.Info{}, nil
	}
	return u.fs.Lstat(move.From)
}

// move undoes a move, if it happened. What is not what was moved stays where it is.
func (u *undoer) move(move journal.Move) error {
	old, err := u.old(move)
	if err != nil {
		return u.failed(move, err)
	}
	now, err := u.fs.Lstat(move.To)
	switch {
	case old.Kind != claim.Missing && old.Inode == move.Inode: // it never moved, or is back
		delete(u.astray, move.Inode)
		if err == nil && (u.reserves || now.Inode == move.Inode) {
			return u.failed(move, release(u.fs, move.From, move.To, move.Inode))
		}
		return nil
	case err != nil:
		return u.failed(move, err)
	case now.Inode != move.Inode || now.Kind == claim.Missing:
		u.stray(move, now)
		return nil
	case u.removed:
		return u.noOldTree()
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
		delete(u.astray, move.Inode)
		return nil
	case errors.Is(err, fs.ErrExist):
		u.leave(move, "something is at its old place")
		return nil
	default:
		return u.failed(move, err)
	}
}

// frees reports whether an old place may be taken by nothing but an empty directory of the migration:
// one that an undo which was cut short has reserved it by, or that a later run made, such as one in
// migration-conflicts, where the earlier run had moved the first one on.
func (u *undoer) frees(move journal.Move, old claim.Info) bool {
	return old.Kind == claim.Directory && (u.mover.reserves && old.Made(euid()) || u.made[root(u.place(move.From))])
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
	if !u.left[move.Inode] {
		u.left[move.Inode] = true
		u.undone.Left = append(u.undone.Left, Left{move.To.Name, why})
	}
}

// stray notes a file that is not where a run moved it. There, if anywhere, is now.
func (u *undoer) stray(move journal.Move, now claim.Info) {
	_, known := u.astray[move.Inode] // by a later run, so that is where it was last
	from := u.place(move.From)
	switch {
	case known || u.made[root(from)]: // what apply made itself, an undo that was cut short has removed
	case now.Kind == claim.Missing:
		why := fmt.Sprintf("is gone, and not at its old place %q either: bring it back, or give it up with --forget-gone", from)
		u.astray[move.Inode] = astray{Left{move.To.Name, why}, true}
	default:
		u.astray[move.Inode] = astray{Left{move.To.Name, "is another than was moved here"}, false}
	}
}

// leaveAstray lists the files that no run has found.
func (u *undoer) leaveAstray() {
	for inode, file := range u.astray {
		if u.left[inode] {
			continue
		}
		if file.gone {
			u.undone.Gone++
		}
		if !file.gone || !u.options.ForgetGone {
			u.undone.Left = append(u.undone.Left, file.Left)
		}
	}
	slices.SortFunc(u.undone.Left, func(a, b Left) int { return cmp.Compare(a.Path, b.Path) })
}

// tidy removes the directories that apply made, the deepest first, and puts the times right.
func (u *undoer) tidy() error {
	dirs := slices.SortedFunc(maps.Keys(u.made), func(a, b claim.Path) int {
		return cmp.Or(cmp.Compare(len(b.Name), len(a.Name)), cmp.Compare(a.Name, b.Name))
	})
	for _, dir := range dirs {
		if u.ctx.Err() != nil {
			return errInterrupted
		}
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
	times := slices.SortedFunc(maps.Values(u.times), func(a, b dirTime) int { // those of one old tree together
		return cmp.Or(cmp.Compare(a.legacy, b.legacy), cmp.Compare(a.path.Name, b.path.Name))
	})
	for _, dir := range times {
		if u.ctx.Err() != nil {
			return errInterrupted
		}
		if dir.legacy != "" {
			if err := u.use(dir.legacy); err != nil {
				return err
			}
			if u.removed {
				continue
			}
		}
		err := u.fs.SetModTime(dir.path, dir.modTime)
		switch {
		case err == nil || errors.Is(err, fs.ErrNotExist):
		case alone(err):
			u.undone.Left = append(u.undone.Left, Left{path.Join(dir.legacy, dir.path.Name, "."), err.Error()})
		default:
			return err
		}
	}
	return u.fs.Sync()
}

// strangers lists what is not the migration's in the directory of its state, which is to go.
func (u *undoer) strangers() error {
	names, err := u.fs.List(root(stateDir))
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		file := root(stateDir).Join(name)
		if file != journalFile() && file != newJournalFile() && file != lockFile() {
			u.undone.Left = append(u.undone.Left, Left{file.Name, "is not the migration's, and would keep its directory: move it away"})
		}
	}
	return nil
}

// finish removes all trace of the migration.
func (u *undoer) finish(unlock func() error) error {
	if err := discard(u.fs, unlock, u.rootTime); err != nil {
		return err
	}
	return u.fs.SyncDir(root(""))
}
