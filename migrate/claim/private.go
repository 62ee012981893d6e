package claim

import (
	"fmt"
	"os"
)

// NotPrivateError tells why a file is not believed: somebody else may have written it.
type NotPrivateError struct {
	UID, Mode uint32
}

func (e *NotPrivateError) Error() string {
	if owner := uint32(os.Geteuid()); e.UID != owner { //nolint:gosec // no user has a negative id
		return fmt.Sprintf("belongs to uid %d, and this runs as uid %d", e.UID, owner)
	}
	return fmt.Sprintf("has mode %04o, so that others than its owner may write to it", e.Mode)
}

// Private returns a *NotPrivateError if others than this process's user may write to a file. The mode of a
// symbolic link says nothing, and a link is never followed.
func (i Info) Private() error {
	if i.UID != uint32(os.Geteuid()) || i.Kind != Symlink && i.Mode&0o022 != 0 { //nolint:gosec // no user has a negative id
		return &NotPrivateError{UID: i.UID, Mode: i.Mode}
	}
	return nil
}
