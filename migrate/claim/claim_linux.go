package claim

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Claim is an open claim. It is for one goroutine.
type Claim struct {
	// TakeLockOf names a host whose run has ended for sure. Lock then takes the lock that this host
	// left, and no other host's.
	TakeLockOf string

	dirs map[Tree]*dir
}

// dir is a tree's directory, and the one below it that was last looked into: what is done to a
// thousand threads of a user must not open the user's directory a thousand times.
type dir struct {
	name  string // absolute, without links
	fd    int
	mount uint64
	// stable is Info.Stable of the files of the tree.
	stable bool

	last   string
	lastFD int
}

// Open opens the claim's root: a directory, not a link to one.
func Open(root string) (*Claim, error) {
	d, err := openTree(root)
	if err != nil {
		return nil, err
	}
	return &Claim{dirs: map[Tree]*dir{Root: d}}, nil
}

func openTree(name string) (*dir, error) {
	info, err := os.Lstat(filepath.Clean(name)) // lstat follows link/
	if err != nil {
		return nil, err
	}
	if info.Mode()&os.ModeSymlink != 0 {
		return nil, fmt.Errorf("%s: is a symbolic link: name the directory itself", name)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: is not a directory", name)
	}
	absolute, err := filepath.Abs(name)
	if err == nil {
		absolute, err = filepath.EvalSymlinks(absolute)
	}
	if err != nil {
		return nil, err
	}
	fd, err := unix.Open(absolute, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	d := &dir{name: absolute, fd: fd, lastFD: -1}
	self, err := stat(fd, "")
	d.mount, d.stable = self.Mount, hasHandles(fd)
	if err != nil {
		_ = unix.Close(fd)
		return nil, &os.PathError{Op: "stat", Path: name, Err: err}
	}
	return d, nil
}

// UseLegacy opens the old tree. A relative name is relative to the root. The tree must lie on the
// root's mount, because nothing else can be renamed into it, and it must not contain the root.
func (c *Claim) UseLegacy(name string) error {
	root := c.dirs[Root]
	if !filepath.IsAbs(name) {
		name = filepath.Join(root.name, name)
	}
	d, err := openTree(name)
	if err != nil {
		return err
	}
	if old := c.dirs[Legacy]; old != nil {
		old.close()
	}
	c.dirs[Legacy] = d
	switch {
	case d.mount != root.mount:
		return fmt.Errorf("%s: is not on the filesystem, or not on the mount, of %s: mount the claim once, at its own root", d.name, root.name)
	case d.name == root.name || strings.HasPrefix(root.name, strings.TrimSuffix(d.name, "/")+"/"):
		return fmt.Errorf("%s: contains the root %s: name the directory that holds the threads", d.name, root.name)
	}
	return nil
}

// UseState keeps the migration's state in a directory elsewhere, such as on a local disk. The directory must
// be private: nobody but this process's user may write to it.
func (c *Claim) UseState(name string) error {
	d, err := openTree(name)
	if err != nil {
		return err
	}
	info, err := stat(d.fd, "")
	if err == nil {
		err = info.Private()
	}
	if err != nil {
		d.close()
		return &os.PathError{Op: "state", Path: name, Err: err}
	}
	c.dirs[State] = d
	return nil
}

// tree returns a tree's directory.
func (c *Claim) tree(tree Tree) *dir {
	if tree == State && c.dirs[State] == nil {
		tree = Root
	}
	return c.dirs[tree]
}

// LegacyName returns the old tree's name relative to the root.
func (c *Claim) LegacyName() (string, error) {
	return filepath.Rel(c.dirs[Root].name, c.dirs[Legacy].name)
}

// Close closes the claim.
func (c *Claim) Close() {
	for _, d := range c.dirs {
		d.close()
	}
}

func (d *dir) close() {
	d.forget()
	_ = unix.Close(d.fd)
}

func (d *dir) forget() {
	if d.lastFD >= 0 {
		_ = unix.Close(d.lastFD)
	}
	d.last, d.lastFD = "", -1
}

// show is a path as people know it.
func (c *Claim) show(p Path) string { return filepath.Join(c.tree(p.Tree).name, p.Name) }

// failure makes an error of an operation on a path.
func (c *Claim) failure(op string, p Path, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: c.show(p), Err: err}
}

// open returns a descriptor of a directory, which stays the claim's own. Every component is
// opened by itself, so that none of them is a link or another mount.
func (c *Claim) open(p Path) (int, error) {
	d := c.tree(p.Tree)
	switch {
	case p.Name == "":
		return d.fd, nil
	case p.Name == d.last:
		return d.lastFD, nil
	}
	d.forget()
	fd := d.fd
	for component := range strings.SplitSeq(p.Name, "/") {
		next, err := unix.Openat(fd, component, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if fd != d.fd {
			_ = unix.Close(fd)
		}
		if err != nil {
			return -1, err
		}
		fd = next
		info, err := stat(fd, "")
		if err == nil && info.Mount != d.mount {
			err = fmt.Errorf("another filesystem is mounted there: %w", unix.EXDEV)
		}
		if err != nil {
			_ = unix.Close(fd)
			return -1, err
		}
	}
	d.last, d.lastFD = p.Name, fd
	return fd, nil
}

// at calls an operation on a file with its directory and its name there.
func (c *Claim) at(op string, p Path, call func(dir int, name string) error) error {
	dir, err := c.open(p.Dir())
	if err == nil {
		err = retry(func() error { return call(dir, p.Base()) })
	}
	return c.failure(op, p, err)
}

// on calls an operation on an open directory.
func (c *Claim) on(op string, p Path, call func(fd int) error) error {
	fd, err := c.open(p)
	if err == nil {
		err = retry(func() error { return call(fd) })
	}
	return c.failure(op, p, err)
}

func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Lstat tells what a file is. A missing file or parent is not an error: Kind is then Missing.
func (c *Claim) Lstat(p Path) (Info, error) {
	dir, base := c.tree(p.Tree).fd, ""
	if p.Name != "" {
		var err error
		if dir, err = c.open(p.Dir()); err != nil {
			return missing(Info{}, c.failure("open", p.Dir(), err))
		}
		base = p.Base()
	}
	info, err := stat(dir, base)
	info.Stable = c.tree(p.Tree).stable
	return missing(info, c.failure("lstat", p, err))
}

// FirstLink returns the first of some paths below a directory that is a symbolic link, or has one above it
// below the directory; empty if there is none. It only looks, in one call for each segment.
func (c *Claim) FirstLink(p Path, below []string) (link string, err error) {
	err = c.at("lstat", p, func(dir int, base string) error {
		for _, name := range below {
			for i, r := range name + "/" {
				if r != '/' {
					continue
				}
				info, err := stat(dir, base+"/"+name[:i])
				if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
					break
				}
				if err != nil {
					return err
				}
				if info.Kind == Symlink {
					link = name[:i]
					return nil
				}
			}
		}
		return nil
	})
	return link, err
}

func missing(info Info, err error) (Info, error) {
	if errors.Is(err, os.ErrNotExist) {
		return Info{}, nil
	}
	return info, err
}

// stat tells what a file of a directory is or, without a name, the directory.
func stat(dir int, name string) (Info, error) {
	flags := unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	var s unix.Statx_t
	err := retry(func() error {
		return unix.Statx(dir, name, flags, unix.STATX_BASIC_STATS|unix.STATX_BTIME|unix.STATX_MNT_ID, &s)
	})
	if err != nil {
		return Info{}, err
	}
	info := Info{
		Identity: Identity{Inode: s.Ino}, Links: s.Nlink, UID: s.Uid, GID: s.Gid, Mode: uint32(s.Mode) & 0o7777,
		Device:  uint64(s.Dev_major)<<32 | uint64(s.Dev_minor),
		ModTime: time.Unix(s.Mtime.Sec, int64(s.Mtime.Nsec)).UTC(), // JSON has no seconds of a zone, as old ones had
	}
	info.Mount = info.Device
	if s.Mask&unix.STATX_MNT_ID != 0 {
		info.Mount = s.Mnt_id
	}
	if s.Mask&unix.STATX_BTIME != 0 {
		info.Birth = birthOf(s.Btime.Sec, s.Btime.Nsec)
	}
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		info.Kind = Directory
	case unix.S_IFREG:
		info.Kind = Regular
	case unix.S_IFLNK:
		info.Kind = Symlink
	default:
		info.Kind = Other
	}
	return info, nil
}

// List returns the names in a directory, in no order.
func (c *Claim) List(p Path) ([]string, error) {
	fd, err := c.open(p)
	if err == nil {
		fd, err = unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, c.failure("open", p, err)
	}
	file := os.NewFile(uintptr(fd), c.show(p))
	defer file.Close()
	return file.Readdirnames(-1)
}

// Mounts returns the mount points below a tree.
func (c *Claim) Mounts(tree Tree) ([]Path, error) {
	base := strings.TrimSuffix(c.tree(tree).name, "/") + "/"
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		return !strings.HasPrefix(m.Mountpoint, base), false
	})
	if err != nil {
		return nil, err
	}
	found := make([]Path, len(mounts))
	for i, m := range mounts {
		found[i] = Path{tree, strings.TrimPrefix(m.Mountpoint, base)}
	}
	return found, nil
}

// Mkdir makes a directory that only this process's user may enter.
func (c *Claim) Mkdir(p Path) error {
	return c.at("mkdir", p, func(dir int, name string) error { return unix.Mkdirat(dir, name, madeMode) })
}

// Chown gives a directory its owner and group.
func (c *Claim) Chown(p Path, uid, gid uint32) error {
	return c.on("chown", p, func(fd int) error { return unix.Fchown(fd, int(uid), int(gid)) })
}

// Chmod gives a directory its mode.
func (c *Claim) Chmod(p Path, mode uint32) error {
	return c.on("chmod", p, func(fd int) error { return unix.Fchmod(fd, mode) })
}

// SetModTime sets the time of the last change of a directory. The time of access is set to what it is:
// libfuse 2 ignores a request for one of the two times, and reports success.
func (c *Claim) SetModTime(p Path, t time.Time) error {
	return c.on("utimes", p, func(fd int) error {
		var now unix.Stat_t
		if err := unix.Fstat(fd, &now); err != nil {
			return err
		}
		times := []unix.Timespec{now.Atim, {Sec: t.Unix(), Nsec: int64(t.Nanosecond())}}
		return unix.UtimesNanoAt(fd, ".", times, 0)
	})
}

// Rename moves a file to where none is, in one step; if one is there, the error is EEXIST. On a
// filesystem that cannot do that it is EINVAL.
func (c *Claim) Rename(from, to Path) error {
	return c.rename(from, to, unix.RENAME_NOREPLACE)
}

// RenameOnto moves a directory to where none or an empty one is, or a file to where none or another
// is, in one step. If the directory is not empty, the error is ENOTEMPTY or EEXIST.
func (c *Claim) RenameOnto(from, to Path) error { return c.rename(from, to, 0) }

func (c *Claim) rename(from, to Path, flags uint) error {
	return c.between("rename", from, to, func(fromDir, toDir int) error {
		return unix.Renameat2(fromDir, from.Base(), toDir, to.Base(), flags)
	})
}

// between calls an operation with the directories of two files.
func (c *Claim) between(op string, from, to Path, call func(fromDir, toDir int) error) error {
	fromDir, err := c.open(from.Dir())
	if err == nil && from.Tree == to.Tree { // to's directory is to take its place
		if fromDir, err = unix.FcntlInt(uintptr(fromDir), unix.F_DUPFD_CLOEXEC, 0); err == nil {
			defer unix.Close(fromDir)
		}
	}
	if err != nil {
		return c.failure("open", from.Dir(), err)
	}
	toDir, err := c.open(to.Dir())
	if err != nil {
		return c.failure("open", to.Dir(), err)
	}
	if err := retry(func() error { return call(fromDir, toDir) }); err != nil {
		return &os.LinkError{Op: op, Old: c.show(from), New: c.show(to), Err: err}
	}
	return nil
}

// Link gives a file a second name, where none is.
func (c *Claim) Link(from, to Path) error {
	return c.between("link", from, to, func(fromDir, toDir int) error {
		return unix.Linkat(fromDir, from.Base(), toDir, to.Base(), 0)
	})
}

// Unlink removes a name of a file.
func (c *Claim) Unlink(p Path) error {
	return c.at("unlink", p, func(dir int, name string) error { return unix.Unlinkat(dir, name, 0) })
}

// Rmdir removes an empty directory.
func (c *Claim) Rmdir(p Path) error {
	if d := c.tree(p.Tree); d.last == p.Name {
		d.forget()
	}
	return c.at("rmdir", p, func(dir int, name string) error { return unix.Unlinkat(dir, name, unix.AT_REMOVEDIR) })
}

// Append opens a regular file for adding to it, and makes it if it is missing.
func (c *Claim) Append(p Path) (File, error) {
	return c.file(p, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT)
}

// Read opens a regular file.
func (c *Claim) Read(p Path) (io.ReadCloser, error) { return c.file(p, unix.O_RDONLY) }

func (c *Claim) file(p Path, flags int) (*os.File, error) {
	var fd int
	err := c.at("open", p, func(dir int, name string) (err error) {
		fd, err = unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return nil, err
	}
	info, err := stat(fd, "")
	if err == nil && info.Kind != Regular { // to read a pipe would wait for ever
		err = fmt.Errorf("is %s where a file belongs", info.Kind)
	}
	if err == nil && p.Tree == State { // checked on the open file, so that nobody can replace it meanwhile
		err = info.Private()
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, c.failure("open", p, err)
	}
	return os.NewFile(uintptr(fd), c.show(p)), nil
}

// SyncDir returns when the names in a directory would survive a loss of power.
func (c *Claim) SyncDir(p Path) error { return c.on("fsync", p, unix.Fsync) }

// Sync returns when everything that was done on the claim would survive a loss of power.
func (c *Claim) Sync() error { return c.on("syncfs", Path{Tree: Root}, unix.Syncfs) }
