package migrate

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"userscope.dev/userscope/manifests/policies"
	"userscope.dev/userscope/migrate"
	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/webhook/policy/load"
)

// layer stands between a migration and the filesystem, and may make any of its calls fail, before
// or after it is made.
type layer struct {
	*claim.Claim
	// before and after are called around each call, with its number, its name and its paths; an
	// error of theirs is the call's.
	before, after func(n int, op string, paths []claim.Path) error
	// lacksNoReplace is a filesystem that can only rename as rename(2) does.
	lacksNoReplace bool
	// mounts are mount points of the old tree, and mounted what lies on another mount.
	mounts  []claim.Path
	mounted map[claim.Path]bool
	// ignoresCase finds names in any case.
	ignoresCase bool
	// forgets changes what the filesystem knows of a file; nil leaves it.
	forgets func(claim.Path, claim.Info) claim.Info
	// inProbe calls before and after also around the calls of the probe.
	inProbe bool
	// tears writes half of what a write is to write that fails before it.
	tears bool

	calls   int
	ops     []string
	locked  func() error
	written int64 // length of the journal
	synced  int64 // what of it would survive a loss of power
	// syncedDirs are those of which the names would.
	syncedDirs map[claim.Path]bool
}

// call makes a call.
func (l *layer) call(op string, do func() error, paths ...claim.Path) error {
	n := l.calls
	l.calls++
	l.ops = append(l.ops, op)
	if !l.inProbe && len(paths) > 0 && strings.HasPrefix(paths[len(paths)-1].Name, stateDir+"/probe") {
		return do()
	}
	if l.before != nil {
		if err := l.before(n, op, paths); err != nil {
			return err
		}
	}
	err := do()
	if l.after != nil {
		if failed := l.after(n, op, paths); failed != nil {
			return failed
		}
	}
	return err
}

func (l *layer) UseLegacy(name string) error {
	return l.call("useLegacy", func() error { return l.Claim.UseLegacy(name) })
}

func (l *layer) Lstat(p claim.Path) (info claim.Info, err error) {
	err = l.call("lstat", func() (err error) { info, err = l.lstat(p); return err }, p)
	for above := p.Dir(); above.Name != ""; above = above.Dir() {
		if l.mounted[above] { // as the claim itself refuses to go there
			return claim.Info{}, syscall.EXDEV
		}
	}
	if l.mounted[p] {
		info.Mount++
	}
	return info, err
}

func (l *layer) Identify(p claim.Path) (info claim.Info, err error) {
	err = l.call("lstat", func() (err error) { info, err = l.Claim.Identify(p); return err }, p)
	if l.forgets != nil {
		info = l.forgets(p, info)
	}
	return info, err
}

func (l *layer) lstat(p claim.Path) (claim.Info, error) {
	info, err := l.Claim.Lstat(p)
	if l.forgets != nil {
		info = l.forgets(p, info)
	}
	if err != nil || info.Kind != claim.Missing || !l.ignoresCase {
		return info, err
	}
	names, err := l.Claim.List(p.Dir())
	if errors.Is(err, os.ErrNotExist) {
		return info, nil
	}
	for _, name := range names {
		if strings.EqualFold(name, p.Base()) {
			return l.Claim.Lstat(p.Dir().Join(name))
		}
	}
	return info, err
}

func (l *layer) Mounts(tree claim.Tree) ([]claim.Path, error) {
	if tree == claim.Legacy && l.mounts != nil {
		return l.mounts, nil
	}
	return l.Claim.Mounts(tree)
}

func (l *layer) List(p claim.Path) (names []string, err error) {
	err = l.call("list", func() (err error) { names, err = l.Claim.List(p); return err }, p)
	return names, err
}

func (l *layer) FirstLink(p claim.Path, below []string) (link string, err error) {
	err = l.call("firstLink", func() (err error) { link, err = l.Claim.FirstLink(p, below); return err }, p)
	return link, err
}

func (l *layer) Project(p claim.Path) (project claim.Project, err error) {
	err = l.call("project", func() (err error) { project, err = l.Claim.Project(p); return err }, p)
	return project, err
}

func (l *layer) Mkdir(p claim.Path) error {
	return l.call("mkdir", func() error {
		if there, err := l.lstat(p); err == nil && there.Kind != claim.Missing {
			return syscall.EEXIST
		}
		return l.Claim.Mkdir(p)
	}, p)
}

func (l *layer) Chown(p claim.Path, uid, gid uint32) error {
	return l.call("chown", func() error { return l.Claim.Chown(p, uid, gid) }, p)
}

func (l *layer) Chmod(p claim.Path, mode uint32) error {
	return l.call("chmod", func() error { return l.Claim.Chmod(p, mode) }, p)
}

func (l *layer) SetModTime(p claim.Path, t time.Time) error {
	return l.call("setModTime", func() error { return l.Claim.SetModTime(p, t) }, p)
}

func (l *layer) Rmdir(p claim.Path) error {
	return l.call("rmdir", func() error { return l.Claim.Rmdir(p) }, p)
}

func (l *layer) Rename(from, to claim.Path) error {
	return l.call("rename", func() error {
		if l.lacksNoReplace { // the kernel looks for the new name before it asks the filesystem
			if there, err := l.Claim.Lstat(to); err == nil && there.Kind != claim.Missing {
				return syscall.EEXIST
			}
			return syscall.EINVAL
		}
		return l.Claim.Rename(from, to)
	}, from, to)
}

func (l *layer) RenameOnto(from, to claim.Path) error {
	return l.call("renameOnto", func() error { return l.Claim.RenameOnto(from, to) }, from, to)
}

func (l *layer) Link(from, to claim.Path) error {
	return l.call("link", func() error { return l.Claim.Link(from, to) }, from, to)
}

func (l *layer) Unlink(p claim.Path) error {
	return l.call("unlink", func() error { return l.Claim.Unlink(p) }, p)
}

func (l *layer) Lock(p claim.Path) (unlock func() error, err error) {
	err = l.call("lock", func() (err error) { l.locked, err = l.Claim.Lock(p); return err }, p)
	if err != nil {
		return nil, err
	}
	return func() error { return l.call("unlock", l.locked, p) }, nil
}

func (l *layer) Locked(p claim.Path) (held bool, err error) {
	err = l.call("locked", func() (err error) { held, err = l.Claim.Locked(p); return err }, p)
	return held, err
}

func (l *layer) Read(p claim.Path) (file io.ReadCloser, err error) {
	err = l.call("read", func() (err error) { file, err = l.Claim.Read(p); return err }, p)
	return file, err
}

// SyncDir and Sync do not wait for the disk: a process that dies takes nothing of the kernel's along.
func (l *layer) SyncDir(p claim.Path) error {
	return l.call("syncDir", func() error { l.syncedDirs[p] = true; return nil }, p)
}

func (l *layer) Sync() error { return l.call("sync", func() error { return nil }) }

func (l *layer) Append(p claim.Path) (file claim.File, err error) {
	err = l.call("append", func() (err error) { file, err = l.Claim.Append(p); return err }, p)
	if err != nil {
		return nil, err
	}
	l.written, l.synced = 0, 0
	return &journalFile{file, l, p}, nil
}

// journalFile is a file of a layer.
type journalFile struct {
	claim.File
	layer *layer
	path  claim.Path
}

func (f *journalFile) Write(data []byte) (n int, err error) {
	called := false
	err = f.layer.call("write", func() (err error) { called = true; n, err = f.File.Write(data); return err }, f.path)
	if !called && f.layer.tears {
		n, _ = f.File.Write(data[:len(data)/2])
	}
	f.layer.written += int64(n)
	return n, err
}

func (f *journalFile) Sync() error {
	return f.layer.call("fsync", func() error { f.layer.synced = f.layer.written; return nil }, f.path)
}

func (f *journalFile) Truncate(size int64) error {
	return f.layer.call("truncate", func() error {
		f.layer.written, f.layer.synced = size, size // what is left was synced by an earlier run
		return f.File.Truncate(size)
	}, f.path)
}

// open opens a tree's claim behind a layer. It is closed at the end of the test at the latest.
func (t *Tree) open(tb testing.TB) *layer {
	tb.Helper()
	c, err := claim.Open(t.Root)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	if err := c.UseLegacy(t.Legacy); err != nil {
		tb.Fatal(err)
	}
	return &layer{Claim: c, syncedDirs: map[claim.Path]bool{}}
}

// errDead is what every call of a process that is dead would return.
var errDead = errors.New("the process is dead")

// die lets the layer fail from a call on, before or after it is made.
func (l *layer) die(at int, after bool) {
	dead := false
	l.inProbe = true
	l.before = func(n int, _ string, _ []claim.Path) error {
		if n == at && !after {
			dead = true
		}
		if dead {
			return errDead
		}
		return nil
	}
	l.after = func(n int, _ string, _ []claim.Path) error {
		if n == at {
			dead = true
			return errDead
		}
		return nil
	}
}

// dieBeforeEnd lets the layer fail when all has moved and the journal does not say so.
func (l *layer) dieBeforeEnd() {
	l.before = func(_ int, op string, _ []claim.Path) error {
		if op == "sync" || op == "unlock" {
			return errDead
		}
		return nil
	}
}

// bury does what the kernel does with a dead process: it closes its files, and so unlocks the lock
// file, which stays with what stands in it.
func (t *Tree) bury(tb testing.TB, l *layer) {
	tb.Helper()
	name := filepath.Join(t.Root, stateDir, "lock")
	content, err := os.ReadFile(name)
	if l.locked != nil && err == nil {
		if err := l.locked(); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	l.Close()
}

// loseUnsynced takes from the journal what no fsync has covered, its own name too, if this run made it.
func (t *Tree) loseUnsynced(tb testing.TB, l *layer) {
	tb.Helper()
	if !l.syncedDirs[claim.Path{Tree: claim.State}] || !l.syncedDirs[claim.Path{Tree: claim.State, Name: stateDir}] {
		if err := os.RemoveAll(filepath.Join(t.Root, stateDir)); err != nil {
			tb.Fatal(err)
		}
		return
	}
	if l.written > l.synced {
		if err := os.Truncate(filepath.Join(t.Root, stateDir, "journal"), l.synced); err != nil {
			tb.Fatal(err)
		}
	}
}

// options are those of a migration that moves all that can move.
func (t *Tree) options(tb testing.TB) migrate.Options {
	tb.Helper()
	loaded, err := load.Parse("deerflow.yaml", policies.DeerFlow)
	if err != nil {
		tb.Fatal(err)
	}
	layout, err := migrate.NewLayout(loaded[0])
	if err != nil {
		tb.Fatal(err)
	}
	return migrate.Options{Layout: layout, Owners: t.Owners, Park: true, SharedDataTo: "erin"}
}

func noProgress(int, int) {}
