package claim

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// refusing is a file of a filesystem that refuses one of the calls that change it.
type refusing struct {
	*os.File
	call  string
	calls []string
}

func (r *refusing) do(call string, do func() error) error {
	r.calls = append(r.calls, call)
	if call == r.call {
		return unix.ENOSPC
	}
	return do()
}

func (r *refusing) Truncate(size int64) error {
	return r.do("truncate", func() error { return r.File.Truncate(size) })
}

func (r *refusing) WriteAt(data []byte, at int64) (n int, err error) {
	err = r.do("write", func() (err error) { n, err = r.File.WriteAt(data, at); return err })
	return n, err
}

func (r *refusing) Sync() error { return r.do("sync", r.File.Sync) }

// A lock is held once its holder's name is on the disk, where other nodes see it. One whose holder
// cannot be written is not left behind.
func TestLockIsSynced(t *testing.T) {
	for _, test := range []struct {
		refused string
		calls   []string
	}{
		{"truncate", []string{"truncate"}},
		{"write", []string{"truncate", "write"}},
		{"sync", []string{"truncate", "write", "sync"}},
		{"", []string{"truncate", "write", "sync"}},
	} {
		t.Run("refuses "+test.refused, func(t *testing.T) {
			root, lock := t.TempDir(), Path{Tree: Root, Name: "lock"}
			c, err := Open(root)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			file, err := c.file(lock, unix.O_RDWR|unix.O_CREAT)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			r := &refusing{File: file, call: test.refused}
			gone, err := c.tryLock(lock, r, "here")
			if refused := errors.Is(err, unix.ENOSPC); gone || refused != (test.refused != "") || (err != nil) != refused {
				t.Errorf("gone %t, %v", gone, err)
			}
			if !slices.Equal(r.calls, test.calls) {
				t.Errorf("calls %v, want %v", r.calls, test.calls)
			}
			if _, err := os.Lstat(filepath.Join(root, "lock")); os.IsNotExist(err) != (test.refused != "") {
				t.Errorf("the lock file: %v", err)
			}
		})
	}
}
