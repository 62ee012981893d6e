package owners

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// snapshotAttempts is how often a database that changes meanwhile is copied before giving up.
const snapshotAttempts = 5

// logs are what may lie beside a database and hold a part of it: the write-ahead log, and the
// rollback journal of a database that was never switched to the former. (The third file, -shm, is
// an index of the log, and made anew.)
var logs = []string{"-wal", "-journal"}

// snapshot copies a database with its logs into a directory, as they were at one moment, and
// returns the copy's name. It only reads the originals.
//
// A gateway may write all the while. So all is read twice, the database before its logs and then
// again in the same order, until both times are equal. Then there was a moment, after the first
// reading and before the second, at which database and logs were what was copied. A log may have
// become longer: what was added is not in the copy, and is not in the database either, which did
// not change.
func snapshot(ctx context.Context, name, dir string) (string, error) {
	name, err := filepath.EvalSymlinks(name) // the logs lie beside the file itself
	if err != nil {
		return "", err
	}
	copied := filepath.Join(dir, "copy.db")
	for range snapshotAttempts {
		if err := copyAll(ctx, name, copied); err != nil {
			return "", err
		}
		if same, err := unchanged(ctx, name, copied); same || err != nil {
			return copied, err
		}
	}
	return "", fmt.Errorf("changed while it was copied, %d times: stop what writes to it", snapshotAttempts)
}

func copyAll(ctx context.Context, name, copied string) error {
	if err := copyFile(ctx, name, copied); err != nil {
		return err
	}
	for _, log := range logs {
		err := copyFile(ctx, name+log, copied+log)
		if errors.Is(err, fs.ErrNotExist) {
			err = os.RemoveAll(copied + log) // of an earlier attempt
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func copyFile(ctx context.Context, from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, cancelable{ctx, source})
	return errors.Join(err, target.Close())
}

// unchanged reports whether the originals are still what was copied.
func unchanged(ctx context.Context, name, copied string) (bool, error) {
	// A database that grew has another size in its header too.
	same, err := startsWith(ctx, name, copied)
	if !same || err != nil {
		return false, err
	}
	for _, log := range logs {
		if _, err := os.Stat(copied + log); errors.Is(err, fs.ErrNotExist) {
			continue // a log that came since holds nothing of that moment
		}
		same, err := startsWith(ctx, name+log, copied+log)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// startsWith reports whether a file begins with all of another.
func startsWith(ctx context.Context, name, beginning string) (bool, error) {
	long, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer func() { _ = long.Close() }()
	short, err := os.Open(beginning)
	if err != nil {
		return false, err
	}
	defer func() { _ = short.Close() }()

	var want, got [64 << 10]byte
	for {
		n, err := io.ReadFull(cancelable{ctx, short}, want[:])
		if n == 0 {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err == nil, err
		}
		if _, err := io.ReadFull(long, got[:n]); err != nil || !bytes.Equal(want[:n], got[:n]) {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = nil
			}
			return false, err
		}
	}
}

// cancelable is a reader that fails once its context is done.
type cancelable struct {
	ctx  context.Context
	from io.Reader
}

func (c cancelable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.from.Read(p)
}
