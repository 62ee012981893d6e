package migrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// batchSize is how many moves share one line of the journal. The line is built in memory.
const batchSize = 1024

// Apply plans, and moves what the plan says. The returned plan tells what has become of each item,
// also if there is an error. Apply goes on where an earlier run was cut short. If nothing is left to
// do, it does not touch the tree.
func Apply(ctx context.Context, claimFS FS, options Options, progress Progress) (*Plan, error) {
	a := &applier{ctx: ctx, fs: claimFS, session: session{fs: claimFS}, progress: progress}
	plan, err := a.apply(options)
	return plan, errors.Join(err, a.session.release())
}

type applier struct {
	ctx      context.Context
	fs       FS
	session  session
	prepared preparer
	mover    mover
	progress Progress

	// blocked are the directories that could not be made, with the reason.
	blocked map[claim.Path]error
	tried   int
	total   int
}

func (a *applier) apply(options Options) (*Plan, error) {
	if err := checkPrivate(a.fs); err != nil {
		return nil, err
	}
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
		return plan, errors.Join(err, a.session.abandon())
	}
	file := a.session.journal.file
	if err := a.announce(items); err != nil {
		return plan, errors.Join(err, file.Close(), a.session.abandon())
	}
	err = a.moveAll(items)
	if err == nil {
		err = a.session.end()
	}
	return plan, errors.Join(err, file.Close())
}

// resume tidies up after a run that was cut short.
func (a *applier) resume() error {
	if err := a.session.lock(); err != nil {
		return err
	}
	before := a.session.before
	if before.done || before.runs == 0 {
		return nil
	}
	if err := before.refuse(a.fs); err != nil {
		return err
	}
	return clearUp(a.ctx, a.fs, before)
}

// begin begins a run in the journal.
func (a *applier) begin() error {
	self, err := a.fs.Identify(root(""))
	if err != nil {
		return err
	}
	a.prepared = newPreparer(a.fs, self.Mount)
	a.blocked = map[claim.Path]error{}
	err = a.session.begin(self)
	a.mover = mover{fs: a.fs, filesystem: a.session.filesystem}
	return err
}

// announce writes into the journal what is to be done for all items. One fsync covers all batches,
// before the first directory is made.
func (a *applier) announce(items []*Item) error {
	writer := &a.session.journal
	for batch := range slices.Chunk(items, batchSize) {
		if err := a.interrupted(); err != nil {
			return err
		}
		record, err := a.prepared.prepare(batch)
		if err != nil {
			return err
		}
		if err := writer.write(journal.Record{Batch: record}); err != nil {
			return err
		}
	}
	if err := writer.file.Sync(); err != nil {
		return err
	}
	return writer.write(journal.Record{Moving: &struct{}{}})
}

// moveAll makes the missing directories and moves the items.
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

// interrupted returns an error that tells how far the run is, if the run is to end.
func (a *applier) interrupted() error {
	if a.ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("interrupted after %d of %d moves: run it again to go on", a.tried, a.total)
}

// mkdirs makes the missing directories. Nothing moves into a directory that could not be made.
func (a *applier) mkdirs() error {
	for _, dir := range a.prepared.dirs {
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

// mkdir makes a directory, unless somebody else has made it meanwhile.
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
	if err != nil { // without its owner the directory must not look ready
		return errors.Join(err, freed(a.fs.Rmdir(dir.Path)))
	}
	return nil
}

// found notes in the journal a directory that somebody else has made meanwhile: it is theirs.
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
	return a.session.journal.writeAndSync(journal.Record{Found: &journal.Time{Path: dir, ModTime: info.ModTime}})
}

// moveItem moves an item and sets its status. It returns only errors that end the run.
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
	if !item.is(now) {
		return errChanged
	}
	return a.mover.move(now, from, to)
}
