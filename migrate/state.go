package migrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// stateName is the name of the directory of the migration's state, which lies below the root unless
// --state names another place.
const stateName = ".userscope-migrate"

func stateDir() claim.Path    { return claim.Path{Tree: claim.State, Name: stateName} }
func journalFile() claim.Path { return stateDir().Join("journal") }
func lockFile() claim.Path    { return stateDir().Join("lock") }

// newJournalFile is the journal before its header is on the disk. A journal that has none has been
// emptied, or is another file: nobody takes it for one that says nothing.
func newJournalFile() claim.Path { return stateDir().Join("journal.new") }

// state is what the journal says.
type state struct {
	header *journal.Header // nil if there is no journal
	size   int64           // of its whole lines
	runs   int
	legacy string // the old tree of the last run
	done   bool   // nothing was cut short
	// reserves is true if places may be reserved to which nothing has moved.
	reserves bool
	// filesystem is what the last run found out about it; nil in format 1.
	filesystem *journal.Filesystem
	// renumbered is true if the filesystem has numbered its files anew since the journal was written.
	renumbered bool
	// found are directories of the batches that apply found when it was to make them.
	found map[claim.Path]bool
}

// readJournal reads the journal and calls a function, which may be nil, with every record.
func readJournal(claimFS FS, each func(journal.Record) error) (state, error) {
	s := state{found: map[claim.Path]bool{}}
	file, err := claimFS.Read(journalFile())
	if errors.Is(err, fs.ErrNotExist) {
		return state{done: true}, nil
	}
	if err != nil {
		return s, err
	}
	defer file.Close()
	self, err := claimFS.Identify(root(""))
	if err != nil {
		return s, err
	}
	dir, err := claimFS.Identify(stateDir())
	if err != nil {
		return s, err
	}
	s.size, err = journal.Read(file, func(record journal.Record) error {
		s.done = false
		switch {
		case record.Header != nil:
			if err := s.ofRoot(record.Header, self); err != nil {
				return err
			}
			s.header = record.Header
		case record.Run != nil:
			s.legacy = record.Run.Legacy
			s.runs++
			s.filesystem = record.Run.Filesystem
			s.reserves = s.reserves || s.filesystem != nil && s.filesystem.Moves == journal.Reserving
			if record.Run.State != nil && record.Run.State.Compare(dir) != claim.Same {
				s.renumbered = true
			}
		case record.Batch != nil:
			for _, dir := range record.Batch.Dirs {
				delete(s.found, dir.Path) // it went, and is to be made again
			}
		case record.Reserves != nil:
			s.reserves = true
		case record.Found != nil:
			s.found[record.Found.Path] = true
		case record.Done != nil:
			s.done = true
		}
		if each == nil {
			return nil
		}
		return each(record)
	})
	if err != nil {
		return s, fmt.Errorf("journal %s: %w", journalFile().Name, err)
	}
	return s, nil
}

// ofRoot refuses the journal of another root, and notes that the root has another number than it had.
func (s *state) ofRoot(header *journal.Header, self claim.Info) error {
	was := claim.Identity{Inode: header.Root}
	if header.RootID != nil {
		was = *header.RootID
	}
	switch was.Compare(self) {
	case claim.Same:
		s.renumbered = s.renumbered || was.Inode != self.Inode
	case claim.Unknown:
		s.renumbered = true
	default:
		return fmt.Errorf("the journal is of another root, with inode %d: this one has %d", was.Inode, self.Inode)
	}
	return nil
}

// checkPrivate refuses a state that somebody else may have written: a planted journal would tell a run of
// root's which directories to change, and where to move a user's thread.
func checkPrivate(claimFS FS) error {
	for _, file := range []claim.Path{stateDir(), lockFile(), newJournalFile(), journalFile()} {
		info, err := claimFS.Lstat(file)
		if err != nil {
			return err
		}
		if info.Kind == claim.Missing {
			continue
		}
		if err := info.Private(); err != nil {
			return fmt.Errorf("%s: %w: %s", file.Name, err, howPrivate)
		}
	}
	return nil
}

const howPrivate = "somebody else may have planted it, and it is not believed: run this as the user who began the migration, " +
	"or remove it if you did not begin one; where the filesystem cannot keep owner or mode, name a private local directory with --state"

// refuse tells why no run may begin: another, over another old tree, was cut short.
func (s *state) refuse(claimFS FS) error {
	if s.done || s.runs == 0 {
		return nil
	}
	legacy, err := claimFS.LegacyName()
	if err == nil && legacy != s.legacy {
		err = fmt.Errorf("the last run, over the old tree %s, was cut short: run it again first, or undo it", s.legacy)
	}
	return err
}

// readRun calls a function with every record of a run, the first of which is 1. To read the journal
// for each run takes less than to keep it: runs are few, and moves are many.
func readRun(claimFS FS, run int, each func(journal.Record) error) error {
	n := 0
	_, err := readJournal(claimFS, func(record journal.Record) error {
		if record.Run != nil {
			n++
		}
		if n != run {
			return nil
		}
		return each(record)
	})
	return err
}

// clearUp tidies up after the last run, which was cut short: directories without an owner get theirs,
// and places that were only reserved become free. The next plan covers the files that have not moved.
func clearUp(ctx context.Context, claimFS FS, before state) error {
	err := readRun(claimFS, before.runs, func(record journal.Record) error {
		if record.Batch == nil {
			return nil
		}
		return clearUpBatch(ctx, claimFS, record.Batch, before)
	})
	if errors.Is(err, errNotPlanned) { // it matters not in which line of the journal
		return errNotPlanned
	}
	return err
}

func clearUpBatch(ctx context.Context, claimFS FS, batch *journal.Batch, before state) error {
	for _, dir := range batch.Dirs {
		if ctx.Err() != nil {
			return errNotPlanned
		}
		if before.found[dir.Path] {
			continue
		}
		info, err := reach(claimFS, dir.Path)
		if err != nil {
			return err
		}
		if before.filesystem.Made(info, euid()) || before.filesystem.Made(info, dir.UID) {
			if err := own(claimFS, dir, info); err != nil {
				return err
			}
		}
	}
	if !before.reserves {
		return nil
	}
	for _, move := range batch.Moves {
		if ctx.Err() != nil {
			return errNotPlanned
		}
		if err := release(claimFS, before.filesystem, move.From, move.To, move.Identity); err != nil {
			return err
		}
	}
	return nil
}

// reach looks at a file that apply may have made. A path that cannot be reached, for example behind a
// symlink, was not made by apply. It counts as missing; the plan reports it.
func reach(claimFS FS, p claim.Path) (claim.Info, error) {
	info, err := claimFS.Lstat(p)
	if alone(err) {
		return claim.Info{}, nil
	}
	return info, err
}

// own gives a directory that was just made the owner, group and mode that it is to have.
func own(claimFS FS, dir journal.Dir, now claim.Info) error {
	if now.UID != dir.UID || now.GID != dir.GID {
		if err := claimFS.Chown(dir.Path, dir.UID, dir.GID); err != nil {
			return err
		}
	}
	if now.Mode == dir.Mode {
		return nil
	}
	return claimFS.Chmod(dir.Path, dir.Mode)
}

func euid() uint32 { return uint32(os.Geteuid()) } //nolint:gosec // no user has a negative id
