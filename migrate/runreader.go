package migrate

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// runReader reads the moves of one run from the journal, with that run's old tree opened.
type runReader struct {
	fs FS
	// made are the directories that any apply made.
	made map[claim.Path]bool

	// legacy is the run's old tree, relative to the root.
	legacy string
	// removed is true if apply had made the old tree, and an undo that was cut short has removed it.
	removed bool
}

// read calls a function with each move of a run. The first run is 1.
func (r *runReader) read(run int, each func(journal.Move) error) error {
	return readRun(r.fs, run, func(record journal.Record) error {
		if record.Run != nil {
			return r.open(record.Run.Legacy)
		}
		if record.Batch == nil {
			return nil
		}
		for _, move := range record.Batch.Moves {
			if err := each(move); err != nil {
				return err
			}
		}
		return nil
	})
}

// open opens an old tree.
func (r *runReader) open(legacy string) error {
	r.legacy, r.removed = legacy, false
	err := r.fs.UseLegacy(legacy)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if r.removed = r.made[root(legacy)]; r.removed {
		return nil
	}
	return fmt.Errorf("%w: %w", r.noOldTree(), err)
}

func (r *runReader) noOldTree() error {
	return fmt.Errorf("the old tree %s is gone: make its directory again, and run this again", r.legacy)
}

// place returns the name of a path of the run, relative to the root.
func (r *runReader) place(p claim.Path) string {
	if p.Tree == claim.Legacy {
		return path.Join(r.legacy, p.Name)
	}
	return p.Name
}

// lstatOld looks at the old place of a move.
func (r *runReader) lstatOld(move journal.Move) (claim.Info, error) {
	if r.removed && move.From.Tree == claim.Legacy {
		return claim.Info{}, nil
	}
	return r.fs.Identify(move.From)
}
