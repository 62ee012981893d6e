package claim

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Lock takes a lock file, which it makes, until unlock is called, which removes it, or until the
// process ends. It fails at once if another process holds it.
//
// The lock is flock's. A filesystem may keep that to one node, so the file says who holds it too:
// a holder of another host that has not removed it may be at work still, unless TakeLockOf says that
// it is not.
func (c *Claim) Lock(p Path) (unlock func() error, err error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	for {
		file, err := c.file(p, unix.O_RDWR|unix.O_CREAT)
		if err != nil {
			return nil, err
		}
		theirs, err := c.tryLock(p, file, host)
		if err == nil {
			return func() error { return errors.Join(c.unlock(p, int(file.Fd())), file.Close()) }, nil
		}
		file.Close()
		if !theirs {
			return nil, err
		}
	}
}

// Locked reports whether a lock file is locked, also by this process.
func (c *Claim) Locked(p Path) (bool, error) {
	file, err := c.file(p, unix.O_RDWR)
	if err != nil {
		return false, err
	}
	defer file.Close()
	err = retry(func() error { return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, c.failure("flock", p, err)
}

// unlock removes a lock file, unless another run has one of that name: this one's was taken away.
func (c *Claim) unlock(p Path, fd int) error {
	own, err := stat(fd, "")
	if err != nil {
		return err
	}
	named, err := c.Lstat(p)
	if err != nil {
		return err
	}
	if named.Inode != own.Inode {
		return fmt.Errorf("%s: somebody has removed the lock of this run: another may have worked at the same time", c.show(p))
	}
	return c.Unlink(p)
}

// lockFile is what locking needs of an open file.
type lockFile interface {
	io.Reader
	io.WriterAt
	Fd() uintptr
	Truncate(size int64) error
	Sync() error
}

// tryLock locks a lock file and writes into it who holds it. The boolean tells that the file has
// been removed by its holder, so that another must be made.
func (c *Claim) tryLock(p Path, file lockFile, host string) (gone bool, err error) {
	fd := int(file.Fd())
	locked := retry(func() error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	content, err := io.ReadAll(io.LimitReader(file, 1024))
	if err != nil {
		return false, err
	}
	holder := strings.Trim(string(content), "\x00\n") // zeros are of a power failure before the sync, so nobody's
	if errors.Is(locked, unix.EWOULDBLOCK) {
		return false, fmt.Errorf("%s: another run holds the lock: %q: wait for its end", c.show(p), holder)
	}
	if locked != nil {
		return false, c.failure("flock", p, locked)
	}
	own, err := stat(fd, "")
	if err != nil {
		return false, err
	}
	if named, err := c.Lstat(p); err != nil || named.Inode != own.Inode {
		return err == nil, errors.Join(errors.New("the lock was removed"), err)
	}
	if problem := refuse(holder, host, c.TakeLockOf); problem != "" {
		if holder == "" { // it may be this run that made the file
			err = c.Unlink(p)
		}
		return false, errors.Join(fmt.Errorf("%s: %s", c.show(p), problem), err)
	}
	if own.Links > 1 { // writing the holder would damage the file of the other name
		return false, fmt.Errorf("%s: is a file that has another name too: remove this one", c.show(p))
	}
	if err := sign(file, host); err != nil { // as on a full filesystem: a lock that nobody holds must not stay
		return false, errors.Join(err, c.Unlink(p))
	}
	return false, nil
}

// sign writes into a lock file who holds it.
func sign(file lockFile, host string) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	if _, err := file.WriteAt(fmt.Appendf(nil, "%s pid %d since %s\n", host, os.Getpid(), time.Now().UTC().Format(time.RFC3339)), 0); err != nil {
		return err
	}
	return file.Sync() // or other nodes would see it half a minute later, on NFS
}

// refuse tells why a host may not take a lock that names holder. The host given with --take-lock-of must
// be the lock's holder. Otherwise a flag left over from an earlier run could take another host's lock.
func refuse(holder, host, dead string) string {
	left, _, _ := strings.Cut(holder, " ")
	switch {
	case dead != "" && left == "":
		return fmt.Sprintf("--take-lock-of %s: nobody has left the lock: run it without", dead)
	case dead != "" && left != dead:
		return fmt.Sprintf("--take-lock-of %s: another host has left the lock: %q", dead, holder)
	case dead == "" && left != "" && left != host:
		return fmt.Sprintf("a run on another host did not end well, or goes on: %q: once it has ended, run this with --take-lock-of %s", holder, left)
	}
	return ""
}
