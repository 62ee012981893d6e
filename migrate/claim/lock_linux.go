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
// a holder of another host that has not removed it may be at work still.
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
			return func() error { return errors.Join(c.Unlink(p), file.Close()) }, nil
		}
		file.Close()
		if !theirs {
			return nil, err
		}
	}
}

// tryLock locks a lock file and writes into it who holds it. The boolean tells that the file has
// been removed by its holder, so that another must be made.
func (c *Claim) tryLock(p Path, file *os.File, host string) (gone bool, err error) {
	fd := int(file.Fd())
	locked := retry(func() error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	content, err := io.ReadAll(io.LimitReader(file, 1024))
	if err != nil {
		return false, err
	}
	holder := strings.TrimSpace(string(content))
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
	if before, _, _ := strings.Cut(holder, " "); holder != "" && before != host {
		return false, fmt.Errorf("%s: a run on another host did not end well, or goes on: %q: once it has ended, remove this file", c.show(p), holder)
	}
	if err := file.Truncate(0); err != nil {
		return false, err
	}
	_, err = file.WriteAt(fmt.Appendf(nil, "%s pid %d since %s\n", host, os.Getpid(), time.Now().UTC().Format(time.RFC3339)), 0)
	return false, err
}
