package migrate

import (
	"errors"
	"io/fs"
	"time"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// session is the hold of an apply on the migration's state: the lock and the open journal.
type session struct {
	fs FS
	// rootTime is the root's time of change before the session made anything in the root.
	rootTime time.Time
	// unlock releases the lock. It is nil while the session does not hold the lock.
	unlock func() error
	// before is the content of the journal, read while the lock was held.
	before state
	// fresh is true if there was no journal then.
	fresh bool
	// filesystem is what the run has found out about the claim's filesystem.
	filesystem *journal.Filesystem
	journal    journalWriter
}

// lock locks the claim and reads the journal again: another run may have begun or ended just now.
func (s *session) lock() (err error) {
	if s.unlock, err = lock(s.fs); err != nil {
		return err
	}
	s.before, err = readJournal(s.fs, nil)
	s.fresh = err == nil && s.before.header == nil
	return err
}

// begin locks the claim, opens the journal, creates it if there is none, and begins a run in it.
func (s *session) begin(self claim.Info) error {
	s.rootTime = self.ModTime
	if s.unlock == nil {
		if err := s.lock(); err != nil {
			return err
		}
		if !s.before.done {
			return errors.New("another run has come in between, and was cut short: run this again")
		}
	}
	legacy, err := s.fs.LegacyName()
	if err != nil {
		return err
	}
	probed, err := probe(s.fs)
	if err == nil {
		err = probed.refused()
	}
	if err != nil {
		return err
	}
	s.filesystem = &probed.Filesystem
	if s.before.header == nil {
		header := &journal.Header{Version: journal.Version, Root: self.Inode, RootTime: s.rootTime, RootID: &self.Identity}
		if err := s.create(header); err != nil {
			return err
		}
	}
	if s.journal.file, err = s.fs.Append(journalFile()); err != nil {
		return err
	}
	dir, err := s.fs.Identify(stateDir())
	if err != nil {
		return errors.Join(err, s.journal.file.Close())
	}
	run := &journal.Run{Legacy: legacy, Time: time.Now().UTC(), State: &dir.Identity, Filesystem: s.filesystem}
	for _, step := range []func() error{
		func() error { return s.journal.file.Truncate(s.before.size) }, // removes a torn line
		func() error { return s.journal.writeAndSync(journal.Record{Run: run}) },
		func() error { return s.fs.SyncDir(stateDir()) },
		func() error { return s.fs.SyncDir(stateDir().Dir()) },
	} {
		if err := step(); err != nil {
			return errors.Join(err, s.journal.file.Close())
		}
	}
	return nil
}

// create makes a journal that holds a header only.
func (s *session) create(header *journal.Header) (err error) {
	// A run that was cut short may have left this file. Its content may be anything by now. Links are
	// not followed, but writing to a second name of another file would damage that file.
	if err := s.fs.Unlink(newJournalFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if s.journal.file, err = s.fs.Append(newJournalFile()); err != nil {
		return err
	}
	err = s.journal.writeAndSync(journal.Record{Header: header})
	if err := errors.Join(err, s.journal.file.Close()); err != nil {
		return err
	}
	s.before.size = int64(len(s.journal.line))
	return s.fs.RenameOnto(newJournalFile(), journalFile())
}

// end syncs the filesystem and marks the run in the journal as complete.
func (s *session) end() error {
	if err := s.fs.Sync(); err != nil {
		return err
	}
	return s.journal.writeAndSync(journal.Record{Done: &journal.Done{Time: time.Now().UTC()}})
}

// abandon removes the journal of a run that failed before it changed anything, for example on a full
// filesystem. It keeps a journal that holds, or may hold, an earlier run.
func (s *session) abandon() error {
	if s.unlock == nil || s.before.header != nil {
		return nil
	}
	unlock := s.unlock
	s.unlock = nil
	if s.fresh {
		return discard(s.fs, unlock, s.rootTime)
	}
	// Without a journal the directory is empty now, and goes. With a journal, Rmdir leaves it.
	return errors.Join(unlock(), freed(removeState(s.fs, s.rootTime)))
}

// release unlocks the claim if the session still holds the lock.
func (s *session) release() error {
	if s.unlock == nil {
		return nil
	}
	return s.unlock()
}

// journalWriter adds records to an open journal.
type journalWriter struct {
	file claim.File
	line []byte // the last line written; its memory is reused
}

// write adds a record. Only a later Sync makes the record survive a loss of power.
func (w *journalWriter) write(record journal.Record) (err error) {
	if w.line, err = journal.Append(w.line[:0], record); err != nil {
		return err
	}
	_, err = w.file.Write(w.line)
	return err
}

func (w *journalWriter) writeAndSync(record journal.Record) error {
	if err := w.write(record); err != nil {
		return err
	}
	return w.file.Sync()
}

// lock makes the directory of the state and locks it for this run.
func lock(claimFS FS) (unlock func() error, err error) {
	self, err := claimFS.Lstat(root(""))
	if err != nil {
		return nil, err
	}
	made := claimFS.Mkdir(stateDir())
	if made != nil && !errors.Is(made, fs.ErrExist) {
		return nil, made
	}
	if err = checkPrivate(claimFS); err == nil {
		unlock, err = claimFS.Lock(lockFile())
	}
	if err != nil && made == nil {
		err = errors.Join(err, freed(removeState(claimFS, self.ModTime))) // another run may hold the lock
	}
	return unlock, err
}

// discard removes all trace of the state. If it is cut short after the journal is gone, only the
// root's own time is lost.
func discard(claimFS FS, unlock func() error, rootTime time.Time) error {
	if err := clearProbe(claimFS); err != nil {
		return errors.Join(err, unlock())
	}
	for _, file := range []claim.Path{newJournalFile(), journalFile()} {
		if err := claimFS.Unlink(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, unlock())
		}
	}
	if err := unlock(); err != nil {
		return err
	}
	return removeState(claimFS, rootTime)
}

// removeState removes the directory of the state and restores the root's time of change, if known.
func removeState(claimFS FS, rootTime time.Time) error {
	if err := claimFS.Rmdir(stateDir()); err != nil || rootTime.IsZero() {
		return err
	}
	return claimFS.SetModTime(root(""), rootTime)
}
