package migrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// Finding is what a probe found out about one thing that a migration rests on.
type Finding struct {
	Check string
	Found string
}

// ProbeResult is what a probe found out about a filesystem.
type ProbeResult struct {
	journal.Filesystem
	Findings []Finding
	// Problem tells why the filesystem cannot be migrated, and what to do; empty if it can.
	Problem string
}

// Probe tries what a migration rests on, in the directory of the migration's state. It leaves nothing behind,
// and a journal that is there stays as it is.
func Probe(ctx context.Context, claimFS FS) (result *ProbeResult, err error) {
	if err := checkPrivate(claimFS); err != nil {
		return nil, err
	}
	s := session{fs: claimFS}
	self, err := claimFS.Lstat(root(""))
	if err != nil {
		return nil, err
	}
	s.rootTime = self.ModTime
	if err := s.lock(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, errors.Join(errInterrupted, s.abandon(), s.release())
	}
	result, err = probe(claimFS)
	err = errors.Join(err, s.abandon())
	return result, errors.Join(err, s.release())
}

// refused returns the reason not to begin.
func (r *ProbeResult) refused() error {
	if r.Problem == "" {
		return nil
	}
	return fmt.Errorf("the filesystem %s: %s: nothing has moved", r.Type, r.Problem)
}

// prober tries things in a directory of its own.
type prober struct {
	fs     FS
	result ProbeResult
}

func probeDir() claim.Path { return root(stateName + "/probe") }

// The directories and files of a probe. One directory is empty, one holds another.
var (
	probedSource = probeDir().Join("source")
	probedTarget = probeDir().Join("target")
	probedEmpty  = probeDir().Join("empty")
	probedFull   = probeDir().Join("full")
	probedInside = probedFull.Join("inside")
	probedFile   = probeDir().Join("file")
	probedLink   = probeDir().Join("link")
)

// probe finds out what the claim's filesystem can do. The lock is held. The error says that something failed,
// for example on a full disk, so that nothing is known.
func probe(claimFS FS) (result *ProbeResult, err error) {
	p := prober{fs: claimFS}
	if err := clearProbe(claimFS); err != nil { // of a probe that was cut short
		return nil, fmt.Errorf("probe: %w", err)
	}
	above, err := claimFS.Lstat(probeDir().Dir())
	elsewhere := err == nil && above.Kind == claim.Missing // so does the state lie
	if elsewhere {
		err = claimFS.Mkdir(probeDir().Dir())
	}
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	err = errors.Join(p.run(), clearProbe(claimFS))
	if elsewhere {
		err = errors.Join(err, claimFS.Rmdir(probeDir().Dir()))
	}
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	return &p.result, nil
}

func (p *prober) run() (err error) {
	if p.result.Type, err = p.fs.FSType(); err != nil {
		return err
	}
	inSource := probedSource.Join(probedInside.Base())
	for _, dir := range []claim.Path{probeDir(), probedSource, inSource, probedEmpty, probedFull, probedInside} {
		if err := p.fs.Mkdir(dir); err != nil {
			return err
		}
	}
	for _, step := range []func() error{
		func() error { return p.write(inSource.Join(probedFile.Base())) },
		p.made, func() error { return p.times(inSource) }, p.renames, p.links, p.locks, p.syncs, p.modes,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (p *prober) found(check, format string, args ...any) {
	p.result.Findings = append(p.result.Findings, Finding{check, fmt.Sprintf(format, args...)})
}

// problem notes the first reason not to migrate.
func (p *prober) problem(check, problem, remedy string) {
	p.found(check, "no: %s", problem)
	if p.result.Problem == "" {
		p.result.Problem = problem + ": " + remedy
	}
}

// made finds out what a new directory looks like: a place that a run reserved is known by that.
func (p *prober) made() error {
	info, err := p.fs.Lstat(probedEmpty)
	p.result.MadeMode, p.result.MadeUID = info.Mode&0o777, info.UID
	return err
}

const onServer = "migrate where it is served, on the server's own filesystem"

// renames finds out how a directory moves without replacing anything.
func (p *prober) renames() error {
	before, err := p.fs.Identify(probedSource)
	if err != nil {
		return err
	}
	const check = "rename without replacing"
	at := probedTarget
	err = p.fs.Rename(probedSource, probedTarget)
	switch {
	case err == nil:
		p.result.Moves = journal.Atomic
		if err := p.replaces(check, p.fs.Rename, probedTarget); err != nil {
			return err
		}
	case errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS):
		if at, err = p.plainRenames(check); err != nil {
			return err
		}
	default:
		return err
	}
	if p.result.Problem != "" {
		return nil
	}
	if err := p.numbers("the same number after a rename", before, at); err != nil {
		return err
	}
	return p.contents("the same times after a rename", at)
}

// replaces finds out whether a rename onto a directory that has something in it replaces that directory.
func (p *prober) replaces(check string, rename func(from, to claim.Path) error, from claim.Path) error {
	err := rename(from, probedFull)
	if err != nil && !taken(err) {
		return err
	}
	inside, failed := p.fs.Lstat(probedInside)
	if failed != nil {
		return failed
	}
	if err == nil || inside.Kind == claim.Missing {
		p.problem(check, "rename replaces a directory that has something in it", onServer)
		return nil
	}
	if p.result.Moves == journal.Atomic {
		p.found(check, "yes")
	}
	return nil
}

// plainRenames finds out what rename(2) replaces, and returns where it has moved the source to.
func (p *prober) plainRenames(check string) (at claim.Path, err error) {
	if err := p.replaces(check, p.fs.RenameOnto, probedSource); err != nil || p.result.Problem != "" {
		return at, err
	}
	err = p.fs.RenameOnto(probedSource, probedEmpty)
	switch {
	case err == nil:
		p.result.Moves = journal.Reserving
		p.found(check, "by reserving the place with an empty directory")
		return probedEmpty, nil
	case taken(err):
		p.problem(check, "a rename can neither be told not to replace, nor does it take a reserved place", onServer)
		return at, nil
	default:
		return at, err
	}
}

// numbers finds out whether a file is known again.
func (p *prober) numbers(check string, before claim.Info, at claim.Path) error {
	now, err := p.fs.Identify(at)
	if err != nil {
		return err
	}
	switch {
	case now.Kind == claim.Missing:
		p.problem(check, "a directory is not where it was renamed to", onServer)
	case before.Compare(now) != claim.Same:
		p.problem(check, "a directory gets another number when it is renamed, so that undo would not know it again",
			"mount it so that numbers stay (mergerfs: inodecalc=devino-hash; overlayfs: xino=on), or "+onServer)
	case before.Inode != now.Inode:
		p.found(check, "no, but the same time of birth")
	default:
		p.found(check, "yes")
	}
	return nil
}

// contents finds out whether a rename leaves alone what is in a directory.
func (p *prober) contents(check string, at claim.Path) error {
	info, err := p.fs.Identify(at.Join(probedInside.Base()))
	if err != nil {
		return err
	}
	if !info.ModTime.Equal(longAgo) {
		p.problem(check, "a rename changes the times of what is in the directory", "encfs does so where it chains names; "+onServer)
		return nil
	}
	p.found(check, "yes")
	return nil
}

// links finds out whether a file can have two names, by which files move where renames can replace.
func (p *prober) links() error {
	const check = "the same number of two hard links"
	if err := p.write(probedFile); err != nil {
		return err
	}
	before, err := p.fs.Identify(probedFile)
	if err != nil {
		return err
	}
	err = p.fs.Link(probedFile, probedLink)
	if unsupported(err) || errors.Is(err, syscall.EIO) { // EIO is rclone's
		p.found(check, "no: there are no links")
		return nil
	}
	if err != nil {
		return err
	}
	now, err := p.fs.Identify(probedLink)
	if err != nil {
		return err
	}
	p.result.Links = before.Compare(now) == claim.Same
	p.found(check, "%s", yes(p.result.Links))
	return nil
}

// write writes a file.
func (p *prober) write(path claim.Path) error {
	file, err := p.fs.Append(path)
	if err != nil {
		return err
	}
	_, err = file.Write([]byte("userscope\n"))
	return errors.Join(err, file.Close())
}

// locks finds out whether a lock that this run holds can be taken again.
func (p *prober) locks() error {
	held, err := p.fs.Locked(lockFile())
	if err != nil {
		return err
	}
	if !held {
		p.problem("a lock", "it can be taken twice, so that two runs could work at once", onServer)
		return nil
	}
	p.found("a lock", "yes")
	return nil
}

// syncs finds out whether the names in a directory can be synced.
func (p *prober) syncs() error {
	if err := p.fs.SyncDir(probeDir()); err != nil {
		return err
	}
	p.found("fsync of a directory", "yes")
	return nil
}

var longAgo = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// times finds out whether a directory's time of change can be set. Undo sets the times that apply changed.
func (p *prober) times(dir claim.Path) error {
	const check = "times of directories"
	if err := p.fs.SetModTime(dir, longAgo); err != nil && !unsupported(err) {
		return err
	}
	info, err := p.fs.Identify(dir)
	if err != nil {
		return err
	}
	if p.result.Times = info.ModTime.Equal(longAgo); !p.result.Times {
		p.problem(check, "a directory's time of change cannot be set, so that undo could not restore it", onServer)
		return nil
	}
	p.found(check, "yes")
	return nil
}

// modes finds out whether a directory's mode can be set.
func (p *prober) modes() error {
	const mode = 0o750
	if err := p.fs.Chmod(probedFull, mode); err != nil && !unsupported(err) {
		return err
	}
	info, err := p.fs.Lstat(probedFull)
	p.result.Modes = info.Mode == mode && p.result.MadeMode == 0o700
	p.found("modes of directories", "%s", yes(p.result.Modes))
	return err
}

func yes(found bool) string {
	if found {
		return "yes"
	}
	return "no"
}

// taken reports whether a rename was refused because the place is taken. mergerfs says EXDEV, and sshfs EPERM.
func taken(err error) bool {
	return errors.Is(existing(err), fs.ErrExist) || errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EPERM)
}

// unsupported reports whether a filesystem cannot do something at all.
func unsupported(err error) bool {
	for _, one := range []error{syscall.EPERM, syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.EMLINK, syscall.EINVAL} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// clearProbe removes what a probe left.
func clearProbe(claimFS FS) error {
	err := removeProbed(claimFS, probeDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeProbed removes a directory of a probe with all in it.
func removeProbed(claimFS FS, dir claim.Path) error {
	names, err := claimFS.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		file := dir.Join(name)
		if slices.Contains([]string{probedFile.Base(), probedLink.Base()}, name) {
			err = claimFS.Unlink(file)
		} else {
			err = removeProbed(claimFS, file)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return claimFS.Rmdir(dir)
}
