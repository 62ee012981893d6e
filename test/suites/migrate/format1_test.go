package migrate

import (
	"bytes"
	"os"
	"testing"

	"userscope.dev/userscope/migrate/claim"
	"userscope.dev/userscope/migrate/journal"
)

// toFormat1 rewrites a journal as versions of Userscope before format 2 wrote it.
func (t *Tree) toFormat1(tb testing.TB, reserves bool) {
	tb.Helper()
	var lines []byte
	_, err := journal.Read(bytes.NewReader(mustRead(tb, t.file("journal"))), func(record journal.Record) (err error) {
		switch {
		case record.Header != nil:
			record.Header.Version, record.Header.RootID = 1, nil
		case record.Run != nil:
			record.Run.State, record.Run.Filesystem = nil, nil
		case record.Batch != nil:
			for i := range record.Batch.Moves {
				move := &record.Batch.Moves[i]
				move.Identity, move.ModTime = claim.Identity{Inode: move.Inode}, nil
			}
		}
		if lines, err = journal.Append(lines, record); err != nil || record.Moving == nil || !reserves {
			return err
		}
		lines, err = journal.Append(lines, journal.Record{Reserves: &struct{}{}})
		return err
	})
	if err == nil {
		err = os.WriteFile(t.file("journal"), lines, 0o600)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

func mustRead(tb testing.TB, name string) []byte {
	tb.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return content
}

// A migration that an earlier version began in format 1, and that may have been cut short, is taken up and undone.
func TestFormat1(t *testing.T) {
	for _, test := range []struct {
		name       string
		lacks, die bool
	}{{"atomic", false, false}, {"without RENAME_NOREPLACE", true, false}, {"cut short", false, true}, {"cut short, without RENAME_NOREPLACE", true, true}} {
		t.Run(test.name, func(t *testing.T) {
			tree := newTree(t)
			before := tree.snapshot(t)
			open := func() *layer {
				l := tree.open(t)
				l.lacksNoReplace = test.lacks
				return l
			}
			first, moves := open(), 0
			first.before = func(_ int, op string, _ []claim.Path) error {
				if op == "rename" || op == "renameOnto" {
					moves++
				}
				if test.die && moves > 8 {
					return errDead
				}
				return nil
			}
			if _, err := tree.apply(t, first); (err != nil) != test.die {
				t.Fatal(err)
			}
			tree.toFormat1(t, test.lacks)
			if _, err := tree.apply(t, open()); err != nil {
				t.Fatal(err)
			}
			tree.checkMarkers(t)
			if undone, err := tree.undo(t, open()); err != nil || len(undone.Left) > 0 || undone.ByPath > 0 {
				t.Fatalf("%v, %+v", err, undone)
			}
			if diff := tree.snapshot(t).withoutTimes(isRoot).Diff(before.withoutTimes(isRoot)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
