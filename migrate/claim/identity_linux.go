package claim

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// fuseMagic is f_type of every FUSE filesystem. Their handles name what the server holds in memory.
const fuseMagic = 0x65735546

// Identify tells what a file is, as Lstat does, with its handle.
func (c *Claim) Identify(p Path) (Info, error) {
	info, err := c.Lstat(p)
	if err != nil || info.Kind == Missing || !info.Stable {
		return info, err
	}
	if p.Name == "" {
		info.Handle = handle(c.tree(p.Tree).fd, "")
		return info, nil
	}
	err = c.at("handle", p, func(dir int, name string) error { info.Handle = handle(dir, name); return nil })
	return info, err
}

// hasHandles reports whether the handles and the inodes of a filesystem hold as long as its files do.
func hasHandles(fd int) bool {
	var s unix.Statfs_t
	if err := unix.Fstatfs(fd, &s); err != nil || uint32(s.Type) == fuseMagic { //nolint:gosec // it has 32 bits
		return false
	}
	return handle(fd, "") != ""
}

// handle returns a file's handle; empty if there is none.
func handle(dir int, name string) string {
	flags := 0
	if name == "" {
		flags = unix.AT_EMPTY_PATH
	}
	for {
		h, _, err := unix.NameToHandleAt(dir, name, flags)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return ""
		}
		return fmt.Sprintf("%x:%x", h.Type(), h.Bytes())
	}
}
