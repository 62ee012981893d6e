package migrate

import (
	"errors"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// mover moves files to where none is.
type mover struct {
	fs FS
	// filesystem says how that is done on the claim.
	filesystem *journal.Filesystem
}

// move renames a file. If something is where it is to be, the error is fs.ErrExist, and both stay.
//
// Where the filesystem cannot rename without replacing, an empty directory reserves the place: no other can
// then be made there, and the probe has seen that rename(2) replaces no directory that has something in it.
// A file gets its new name before it loses the old one.
func (m *mover) move(file claim.Info, from, to claim.Path) error {
	switch {
	case m.filesystem.Moves == journal.Atomic:
		return existing(m.fs.Rename(from, to))
	case file.Kind != claim.Directory:
		return m.moveFile(file, from, to)
	}
	if err := m.fs.Mkdir(to); err != nil {
		return err
	}
	if err := m.fs.RenameOnto(from, to); err != nil {
		return errors.Join(existing(err), m.free(from, to))
	}
	return nil
}

// moveFile moves a file by a second name.
func (m *mover) moveFile(file claim.Info, from, to claim.Path) error {
	if !m.filesystem.Links {
		return errNoLinks
	}
	if err := m.fs.Link(from, to); err != nil {
		return err
	}
	if err := m.fs.Unlink(from); err != nil { // it must not keep both
		return errors.Join(err, release(m.fs, m.filesystem, from, to, file.Identity))
	}
	return nil
}

// free removes the reservation of a place that nothing could be moved to. If the file has left its old
// place, the error came after the move itself, as when a server's answer is lost. The file may be empty.
func (m *mover) free(from, to claim.Path) error {
	was, err := m.fs.Lstat(from)
	if err != nil || was.Kind == claim.Missing {
		return err
	}
	return freed(m.fs.Rmdir(to))
}

// release ends a move that was cut short between its two steps: the file is at its old place, and
// the new one is reserved.
func release(claimFS FS, filesystem *journal.Filesystem, from, to claim.Path, id claim.Identity) error {
	was, err := reach(claimFS, from)
	if err != nil || was.Kind == claim.Missing || id.Compare(was) == claim.Different {
		return err
	}
	is, err := reach(claimFS, to)
	switch {
	case err != nil:
		return err
	case filesystem.Made(is, euid()):
		return freed(claimFS.Rmdir(to))
	case is.Kind == claim.Regular && id.Compare(is) == claim.Same:
		return claimFS.Unlink(to)
	}
	return nil
}
