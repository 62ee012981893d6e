package claim

import (
	"errors"
	"fmt"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// fuseMagic is f_type of every FUSE filesystem. Their handles name what the server holds in memory.
const fuseMagic = 0x65735546

// Identify tells what a file is, as Lstat does, with its handle.
func (c *Claim) Identify(p Path) (Info, error) {
	info, err := c.Lstat(p)
	if err != nil || info.Kind == Missing {
		return info, err
	}
	if !info.Stable {
		return c.ask(p, info)
	}
	if p.Name == "" {
		info.Handle = handle(c.tree(p.Tree).fd, "")
		return info, nil
	}
	err = c.at("handle", p, func(dir int, name string) error { info.Handle = handle(dir, name); return nil })
	return info, err
}

// ask asks the filesystem for a file's number, which the kernel may remember from before a rename.
func (c *Claim) ask(p Path, info Info) (Info, error) {
	ask := func(fd int, name string, flags int) error {
		var s unix.Statx_t
		err := unix.Statx(fd, name, flags|unix.AT_STATX_FORCE_SYNC, unix.STATX_BASIC_STATS, &s)
		if err == nil {
			info.Inode = s.Ino
			info.ModTime = time.Unix(s.Mtime.Sec, int64(s.Mtime.Nsec)).UTC()
		}
		return err
	}
	var err error
	if p.Name == "" {
		err = c.on("stat", p, func(fd int) error { return ask(fd, "", unix.AT_EMPTY_PATH) })
	} else {
		err = c.at("stat", p, func(dir int, name string) error {
			return ask(dir, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT)
		})
	}
	return missing(info, err)
}

// FSType returns the type of the claim's filesystem, as the kernel names it.
func (c *Claim) FSType() (string, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.ParentsFilter(c.dirs[Root].name))
	if err != nil {
		return "", err
	}
	var deepest *mountinfo.Info
	for _, m := range mounts { // of two at one place the later one is seen
		if deepest == nil || len(m.Mountpoint) >= len(deepest.Mountpoint) {
			deepest = m
		}
	}
	if deepest == nil {
		return "unknown", nil
	}
	return deepest.FSType, nil
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
