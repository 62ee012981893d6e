package migrate

import (
	"errors"
	"syscall"

	"userscope.dev/userscope/migrate/claim"
)

// mover moves files to where none is.
type mover struct {
	fs FS
	// reserves tells that the filesystem cannot rename without replacing, as NFS cannot.
	reserves bool
	// noted is called before the first place is reserved.
	noted func() error
}

// move renames a file. If something is where it is to be, the error is fs.ErrExist, and both stay.
//
// Where the filesystem cannot promise that itself, an empty directory reserves the place: no
// other can then be made there, and rename(2) replaces no directory that has something in it. A
// file, which has no such thing, gets its new name before it loses the old one.
func (m *mover) move(file claim.Info, from, to claim.Path) error {
	if !m.reserves {
		err := m.fs.Rename(from, to)
		if !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOSYS) {
			return existing(err)
		}
		if err := m.noted(); err != nil {
			return err
		}
		m.reserves = true
	}
	if file.Kind != claim.Directory {
		if err := m.fs.Link(from, to); err != nil {
			return err
		}
		if err := m.fs.Unlink(from); err != nil { // it must not keep both
			return errors.Join(err, release(m.fs, from, to, file.Identity))
		}
		return nil
	}
	if err := m.fs.Mkdir(to); err != nil {
		return err
	}
	if err := m.fs.RenameOnto(from, to); err != nil {
		return errors.Join(existing(err), m.free(from, to))
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
func release(claimFS FS, from, to claim.Path, id claim.Identity) error {
	was, err := reach(claimFS, from)
	if err != nil || was.Kind == claim.Missing || id.Compare(was) == claim.Different {
		return err
	}
	is, err := reach(claimFS, to)
	switch {
	case err != nil:
		return err
	case is.Made(euid()):
		return freed(claimFS.Rmdir(to))
	case is.Kind == claim.Regular && id.Compare(is) == claim.Same:
		return claimFS.Unlink(to)
	}
	return nil
}
