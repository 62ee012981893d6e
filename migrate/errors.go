package migrate

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// The errors that end a run or one move, whatever the filesystem says.
var (
	errInterrupted = errors.New("interrupted")
	errNotPlanned  = errors.New("interrupted before all was looked at: nothing has moved")
	// errOtherName: the filesystem ignores case and found a directory under a different name, perhaps
	// another user's. The plan detects this only if some name already existed.
	errOtherName = errors.New("is the directory of another name here, as where the filesystem ignores case")
	// errChanged: a file is not the file that was planned for.
	errChanged = errors.New("is gone, or another, since it was planned")
	// errNoLinks: a file moves by a link where renames can replace, and a run must know its own link again.
	errNoLinks = errors.New("this filesystem has no way to move a file without replacing another: move it by hand")
)

// ofOneFile are the errors after which the other files can still move.
var ofOneFile = []error{
	errChanged, errOtherName, errNoLinks, fs.ErrExist, fs.ErrNotExist, fs.ErrPermission, syscall.EXDEV, syscall.EBUSY,
	syscall.ELOOP, syscall.ENOTDIR, syscall.ENAMETOOLONG, syscall.EMLINK,
}

// alone reports whether an error concerns one file only, so that the others can still move.
func alone(err error) bool {
	for _, one := range ofOneFile {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// existing makes fs.ErrExist of the other error that says so.
func existing(err error) error {
	if errors.Is(err, syscall.ENOTEMPTY) {
		return fmt.Errorf("%w: %w", fs.ErrExist, err)
	}
	return err
}

// freed leaves out that a reserved place has something in it, or is gone.
func freed(err error) error {
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
