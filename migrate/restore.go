package migrate

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"syscall"
	"time"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// directories are the directories that the runs of a journal made or changed.
type directories struct {
	made map[claim.Path]bool
	// times are by the directories' names relative to the root.
	times map[string]dirTime
}

// dirTime is a directory's time of change before the first run changed it.
type dirTime struct {
	// legacy is the old tree that holds the directory; empty for a directory below the root.
	legacy  string
	path    claim.Path
	modTime time.Time
}

func newDirectories() directories {
	return directories{made: map[claim.Path]bool{}, times: map[string]dirTime{}}
}

// note notes a time of change. The first one noted is from before all runs.
func (d *directories) note(t journal.Time, legacy string) {
	known := dirTime{path: t.Path, modTime: t.ModTime}
	place := t.Path.Name
	if t.Path.Tree == claim.Legacy {
		known.legacy = legacy
		place = path.Join(legacy, t.Path.Name)
	}
	if _, ok := d.times[place]; !ok {
		d.times[place] = known
	}
}

// remove removes the made directories, the deepest first, and returns those that hold something else.
func (d *directories) remove(ctx context.Context, claimFS FS) (left []Left, err error) {
	dirs := slices.SortedFunc(maps.Keys(d.made), func(a, b claim.Path) int {
		return cmp.Or(cmp.Compare(len(b.Name), len(a.Name)), cmp.Compare(a.Name, b.Name))
	})
	for _, dir := range dirs {
		if ctx.Err() != nil {
			return left, errInterrupted
		}
		err := claimFS.Rmdir(dir)
		switch {
		case err == nil || errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist):
			left = append(left, Left{dir.Name, "was made for what has moved, and holds something else now"})
		case alone(err):
			left = append(left, Left{dir.Name, err.Error()})
		default:
			return left, err
		}
	}
	return left, nil
}

// restoreTimes sets the changed directories' times back, and returns the directories that refuse it.
func (d *directories) restoreTimes(ctx context.Context, reader *runReader) (left []Left, err error) {
	times := slices.SortedFunc(maps.Values(d.times), func(a, b dirTime) int { // those of one old tree together
		return cmp.Or(cmp.Compare(a.legacy, b.legacy), cmp.Compare(a.path.Name, b.path.Name))
	})
	for _, dir := range times {
		if ctx.Err() != nil {
			return left, errInterrupted
		}
		if dir.legacy != "" {
			if err := reader.open(dir.legacy); err != nil {
				return left, err
			}
			if reader.removed {
				continue
			}
		}
		err := reader.fs.SetModTime(dir.path, dir.modTime)
		switch {
		case err == nil || errors.Is(err, fs.ErrNotExist):
		case alone(err):
			left = append(left, Left{path.Join(dir.legacy, dir.path.Name, "."), err.Error()})
		default:
			return left, err
		}
	}
	return left, nil
}
