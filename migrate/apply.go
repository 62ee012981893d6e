package migrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// batchSize is how many moves share one line of the journal, which is made in memory.
const batchSize = 1024

// Apply plans, and moves what the plan says. The plan that it returns says what has become of
// each item, also if there is an error. It goes on where a run before it was cut short. A tree in
// which nothing is left to do, it does not touch.
func Apply(ctx context.Context, claimFS FS, options Options, progress Progress) (*Plan, error) {
	a := &applier{ctx: ctx, fs: claimFS, progress: progress}
	a.mover = mover{fs: claimFS, noted: func() error { return a.writeAndSync(journal.Record{Reserves: &struct{}{}}) }}
	plan, err := a.apply(options)
	if a.unlock != nil {
		err = errors.Join(err, a.unlock())
	}
	return plan, err
}

type applier struct {
	ctx      context.Context
	fs       FS
	mover    mover
	progress Progress

	rootTime time.Time // before anything was made in it

	unlock  func() error
	before  state // what the journal says, since it is locked
	none    bool  // since then it is known that there was none
	journal claim.File
	lines   []byte // of the journal; a buffer
	above   chain
	making  map[claim.Path]bool // directories that are missing, and in dirs
	dirs    []journal.Dir
	seen    map[claim.Path]bool  // directories whose times this run has noted
	blocked map[claim.Path]error // directories that could not be made
	tried   int
	total   int
}

func (a *applier) apply(options Options) (*Plan, error) {
	before, err := readJournal(a.fs, nil)
	if err != nil {
		return nil, err
	}
	if !before.done {
		if err := a.resume(); err != nil {
			return nil, err
		}
	}
	plan, err := newPlan(a.ctx, a.fs, options)
	if err != nil {
		return nil, err
	}
	items := plan.pending()
	a.total = len(items)
	if before.done && a.total == 0 {
		return plan, nil
	}
	if err := a.begin(); err != nil {
		return plan, errors.Join(err, a.abandon())
	}
	if err := a.announce(items); err != nil {
		return plan, errors.Join(err, a.journal.Close(), a.abandon())
	}
	err = a.moveAll(items)
	if err == nil {
		err = a.end()
	}
	return plan, errors.Join(err, a.journal.Close())
}

// abandon takes away the journal of a run that comes to nothing before it has changed anything, as
// on a full filesystem. One in which an earlier run stands, or may stand, stays.
func (a *applier) abandon() error {
	if a.unlock == nil || a.before.header != nil {
		return nil
	}
	unlock := a.unlock
	a.unlock = nil
	if a.none {
		return discard(a.fs, unlock, a.rootTime)
	}
	return errors.Join(unlock(), freed(removeState(a.fs, a.rootTime))) // which holds nothing, if there is no journal
}

// resume clears up behind a run that was cut short.
func (a *applier) resume() error {
	if err := a.lock(); err != nil || a.before.done || a.before.runs == 0 {
		return err
	}
	if err := a.before.refuse(a.fs); err != nil {
		return err
	}
	return clearUp(a.ctx, a.fs, a.before)
}

// lock locks the claim, and reads the journal again: a run may have begun or ended just now.
func (a *applier) lock() (err error) {
	if a.unlock, err = lock(a.fs); err != nil {
		return err
	}
	a.before, err = readJournal(a.fs, nil)
	a.none = err == nil && a.before.header == nil
	return err
}

// begin locks the claim and opens the journal.
func (a *applier) begin() error {
	self, err := a.fs.Lstat(root(""))
	if err != nil {
		return err
	}
	a.rootTime = self.ModTime
	if a.unlock == nil {
		if err := a.lock(); err != nil {
			return err
		}
		if !a.before.done {
			return errors.New("another run has come in between, and was cut short: run this again")
		}
	}
	legacy, err := a.fs.LegacyName()
	if err != nil {
		return err
	}
	if a.before.header == nil {
		if err := a.create(&journal.Header{Version: journal.Version, Root: self.Inode, RootTime: a.rootTime}); err != nil {
			return err
		}
	}
	if a.journal, err = a.fs.Append(journalFile()); err != nil {
		return err
	}
	a.above = chain{fs: a.fs, mount: self.Mount}
	a.making, a.seen, a.blocked = map[claim.Path]bool{}, map[claim.Path]bool{}, map[claim.Path]error{}
	run := &journal.Run{Legacy: legacy, Time: time.Now().UTC()}
	for _, step := range []func() error{
		func() error { return a.journal.Truncate(a.before.size) }, // a line that was cut
		func() error { return a.writeAndSync(journal.Record{Run: run}) },
		func() error { return a.fs.SyncDir(root(stateDir)) },
		func() error { return a.fs.SyncDir(root("")) },
	} {
		if err := step(); err != nil {
			return errors.Join(err, a.journal.Close())
		}
	}
	return nil
}

// create makes a journal that has a header, and nothing else.
func (a *applier) create(header *journal.Header) (err error) {
	// What a run that was cut short here has left. It may be anything by now, and a link is not followed,
	// but a second name of a file could be written to.
	if err := a.fs.Unlink(newJournalFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if a.journal, err = a.fs.Append(newJournalFile()); err != nil {
		return err
	}
	err = a.writeAndSync(journal.Record{Header: header})
	if err := errors.Join(err, a.journal.Close()); err != nil {
		return err
	}
	a.before.size = int64(len(a.lines))
	return a.fs.RenameOnto(newJournalFile(), journalFile())
}

// write adds a record to the journal. It would survive a loss of power once that is synced.
func (a *applier) write(record journal.Record) (err error) {
	if a.lines, err = journal.Append(a.lines[:0], record); err != nil {
		return err
	}
	_, err = a.journal.Write(a.lines)
	return err
}

// end syncs all that was done, and says so in the journal.
func (a *applier) end() error {
	if err := a.fs.Sync(); err != nil {
		return err
	}
	return a.writeAndSync(journal.Record{Done: &journal.Done{Time: time.Now().UTC()}})
}

func (a *applier) writeAndSync(record journal.Record) error {
	if err := a.write(record); err != nil {
		return err
	}
	return a.journal.Sync()
}

// announce writes into the journal what is to be done for some items. One fsync covers all that it
// says of them, before the first directory is made.
func (a *applier) announce(items []*Item) error {
	for batch := range slices.Chunk(items, batchSize) {
		if err := a.interrupted(); err != nil {
			return err
		}
		record, err := a.prepare(batch)
		if err != nil {
			return err
		}
		if err := a.write(journal.Record{Batch: record}); err != nil {
			return err
		}
	}
	if err := a.journal.Sync(); err != nil {
		return err
	}
	return a.write(journal.Record{Moving: &struct{}{}})
}

// moveAll moves items.
func (a *applier) moveAll(items []*Item) error {
	if err := a.mkdirs(); err != nil {
		return err
	}
	for _, item := range items {
		if err := a.interrupted(); err != nil {
			return err
		}
		if err := a.moveItem(item); err != nil {
			return fmt.Errorf("after %d of %d moves: %w", a.tried, a.total, err)
		}
		a.tried++
		a.progress(a.tried, a.total)
	}
	return nil
}

// interrupted tells how far the run is, if it is to end.
func (a *applier) interrupted() error {
	if a.ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("interrupted after %d of %d moves: run it again to go on", a.tried, a.total)
}

// mkdirs makes the directories that are missing. Where that fails, nothing moves to.
func (a *applier) mkdirs() error {
	for _, dir := range a.dirs {
		if err := a.interrupted(); err != nil {
			return err
		}
		err := a.mkdir(dir)
		if err != nil && !alone(err) {
			return fmt.Errorf("before the first of %d moves: %w", a.total, err)
		}
		if err != nil {
			a.blocked[dir.Path] = err
		}
	}
	return nil
}

// prepare finds out what must be there for some items to move. A directory that is missing gets the
// owner, the group and the mode of the one that it is made in: who may make directories for
// new users and threads, the gateway, may do so in those for old ones.
func (a *applier) prepare(items []*Item) (*journal.Batch, error) {
	batch := &journal.Batch{Moves: make([]journal.Move, 0, len(items))}
	var last claim.Path
	for _, item := range items {
		from, to := item.from(), item.to()
		batch.Moves = append(batch.Moves, journal.Move{From: from, To: to, Inode: item.inode})
		if err := a.time(batch, item.sort.source); err != nil {
			return nil, err
		}
		dir := to.Dir()
		if dir == last {
			continue
		}
		last = dir
		if err := a.missing(batch, dir); err != nil {
			return nil, err
		}
	}
	return batch, nil
}

// missing notes the directories that are missing on the way to a new place, and the time of the one
// that is to be changed.
func (a *applier) missing(batch *journal.Batch, dir claim.Path) error {
	links, err := a.above.links(dir)
	if err != nil {
		return err
	}
	there := root("")
	parent, err := a.fs.Lstat(there)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.info.Kind != claim.Directory {
			break
		}
		there, parent = l.path, l.info
	}
	if err := a.time(batch, there); err != nil {
		return err
	}
	for missing := range ancestors(dir) {
		if len(missing.Name) <= len(there.Name) || a.making[missing] {
			continue
		}
		a.making[missing] = true
		made := journal.Dir{Path: missing, UID: parent.UID, GID: parent.GID, Mode: parent.Mode}
		batch.Dirs, a.dirs = append(batch.Dirs, made), append(a.dirs, made)
	}
	return nil
}

// time notes when a directory was last changed, once in a run.
func (a *applier) time(batch *journal.Batch, dir claim.Path) error {
	if a.seen[dir] {
		return nil
	}
	a.seen[dir] = true
	info, err := a.fs.Lstat(dir)
	if err != nil {
		return err
	}
	batch.Times = append(batch.Times, journal.Time{Path: dir, ModTime: info.ModTime})
	return nil
}

// mkdir makes a directory, if nobody else has meanwhile.
func (a *applier) mkdir(dir journal.Dir) error {
	if err := a.fs.Mkdir(dir.Path); errors.Is(err, fs.ErrExist) {
		return a.found(dir.Path, err)
	} else if err != nil {
		return err
	}
	info, err := a.fs.Lstat(dir.Path)
	if err == nil {
		err = own(a.fs, dir, info)
	}
	if err != nil { // nobody may take it for one that is ready
		return errors.Join(err, freed(a.fs.Rmdir(dir.Path)))
	}
	return nil
}

// found notes a directory that somebody else has made meanwhile: it is theirs.
func (a *applier) found(dir claim.Path, exists error) error {
	info, err := a.fs.Lstat(dir)
	if err != nil {
		return err
	}
	if info.Kind != claim.Directory {
		return exists
	}
	names, err := a.fs.List(dir.Dir())
	if err != nil {
		return err
	}
	if !slices.Contains(names, dir.Base()) {
		return errOtherName
	}
	return a.writeAndSync(journal.Record{Found: &journal.Time{Path: dir, ModTime: info.ModTime}})
}

// moveItem moves an item. The error is one that ends the run; what is of the item alone, its status
// says.
func (a *applier) moveItem(item *Item) error {
	err := a.tryItem(item)
	switch {
	case err == nil && item.Status == Park:
		item.Status = Parked
	case err == nil:
		item.Status = Moved
	case errors.Is(err, fs.ErrExist):
		item.Status, item.Why = Conflict, "something is there since it was planned"
	case alone(err):
		item.Status, item.Why = Failed, err.Error()
	default:
		return err
	}
	return nil
}

func (a *applier) tryItem(item *Item) error {
	from, to := item.from(), item.to()
	if len(a.blocked) > 0 {
		for dir := range ancestors(to.Dir()) {
			if err := a.blocked[dir]; err != nil {
				return err
			}
		}
	}
	now, err := a.fs.Lstat(from)
	if err != nil {
		return err
	}
	if now.Inode != item.inode || now.Kind != item.sort.kind {
		return errChanged
	}
	return a.mover.move(now, from, to)
}

// errOtherName is of a directory that is found by a name which it has not: it may be another user's. The
// plan knows that from names that are there, and there may have been none.
var errOtherName = errors.New("is the directory of another name here, as where the filesystem ignores case")

// errChanged is of a file that is not the one that was planned for.
var errChanged = errors.New("is gone, or another, since it was planned")
