package owners

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// deerFlowTable is the table as DeerFlow's persistence/thread_meta/model.py declares it.
const deerFlowTable = `CREATE TABLE threads_meta (
	thread_id VARCHAR(64) NOT NULL PRIMARY KEY,
	assistant_id VARCHAR(128),
	user_id VARCHAR(64),
	display_name VARCHAR(256),
	status VARCHAR(20) NOT NULL DEFAULT 'idle',
	metadata_json JSON NOT NULL DEFAULT '{}',
	created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
	updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
)`

// create makes a database as DeerFlow's persistence/engine.py opens it, but for the log's being
// folded into the database on its own.
func create(t *testing.T, file string) *sql.DB {
	t.Helper()
	database, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	database.SetMaxOpenConns(1) // pragmas are a connection's
	t.Cleanup(func() { _ = database.Close() })
	do(t, database, "PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", "PRAGMA wal_autocheckpoint=0", deerFlowTable)
	return database
}

func do(t *testing.T, database *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := database.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// The latest rows are in the log only, as long as the writer lives and when it was killed.
func TestSQLite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deerflow.db")
	database := create(t, file)
	do(t, database,
		"INSERT INTO threads_meta (thread_id, user_id) VALUES ('t1', 'alice'), ('t2', 'bob'), ('t3', NULL), ('t4', '')",
		"PRAGMA wal_checkpoint(TRUNCATE)",
		"UPDATE threads_meta SET user_id = 'carol' WHERE thread_id = 't2'",
		"INSERT INTO threads_meta (thread_id, user_id) VALUES ('t5', 'dave')",
	)
	want := Owners{"t1": "alice", "t2": "carol", "t5": "dave"}

	before := contents(t, filepath.Dir(file))
	if len(before) != 3 {
		t.Fatalf("a database with a writer is not three files: %v", before)
	}
	check := func(name, source string, want Owners) {
		t.Helper()
		if got, err := Load(t.Context(), source); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: got %v, %v; want %v", name, got, err, want)
		}
	}
	check("with a writer", file, want)
	if after := contents(t, filepath.Dir(file)); !maps.Equal(after, before) {
		t.Error("the originals are not as they were")
	}

	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	check("by a link in another directory", link, want)

	odd := filepath.Join(t.TempDir(), "a ?b#c%41")
	if err := os.Mkdir(odd, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", odd)
	check("by a copy in a directory with an odd name", file, want)
	if left := contents(t, odd); len(left) > 0 {
		t.Errorf("the copy is still there: %v", left)
	}

	killed := filepath.Join(t.TempDir(), "deerflow.db")
	copyAs(t, file, killed, -1)
	before = contents(t, filepath.Dir(killed))
	check("of a writer that was killed", killed, want)
	if after := contents(t, filepath.Dir(killed)); !maps.Equal(after, before) {
		t.Error("the originals are not as they were")
	}
}

// Wherever the log is torn, the owners are those of one commit, and the later the tear the later
// the commit.
func TestTornLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deerflow.db")
	database := create(t, file)
	do(t, database, "INSERT INTO threads_meta (thread_id, user_id) VALUES ('t1', 'u0'), ('t2', 'u0')", "PRAGMA wal_checkpoint(TRUNCATE)")
	const commits = 3
	for i := range commits {
		do(t, database, fmt.Sprintf("UPDATE threads_meta SET user_id = 'u%d'", i+1))
	}
	log, err := os.Stat(file + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	last := ""
	for size := int64(0); size <= log.Size(); size += 97 {
		torn := filepath.Join(t.TempDir(), "deerflow.db")
		copyAs(t, file, torn, size)
		got, err := Load(t.Context(), torn)
		if err != nil || len(got) != 2 || got["t1"] != got["t2"] || got["t1"] < last {
			t.Fatalf("torn at %d of %d: got %v, %v after %s", size, log.Size(), got, err, last)
		}
		last = got["t1"]
		seen[last] = true
	}
	if len(seen) < commits {
		t.Errorf("saw %v, want a state for each of %d commits", seen, commits)
	}
}

// A database that was never switched to a log has a rollback journal while a writer is at work:
// what was not committed is undone in the copy.
func TestRollbackJournal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deerflow.db")
	database := create(t, file)
	do(t, database, "PRAGMA journal_mode=DELETE", "PRAGMA cache_size=1", // so that it spills before the commit
		"INSERT INTO threads_meta (thread_id, user_id) VALUES ('t1', 'alice')",
		"CREATE TABLE filler (text)",
		"BEGIN", "UPDATE threads_meta SET user_id = 'mallory'",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 1000) INSERT INTO filler SELECT hex(randomblob(500)) FROM n",
	)
	killed := filepath.Join(t.TempDir(), "deerflow.db")
	data, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(data), "mallory") {
		t.Fatalf("the change was not written before its commit: %v", err)
	}
	copyAs(t, file, killed, -1)
	for _, source := range []string{file, killed} {
		if got, err := Load(t.Context(), source); err != nil || got["t1"] != "alice" {
			t.Errorf("%s: got %v, %v", source, got, err)
		}
	}
}

func TestSQLiteMistakes(t *testing.T) {
	for _, test := range []struct {
		name       string
		statements []string
		want       string
	}{
		{"no table", []string{"DROP TABLE threads_meta", "CREATE TABLE threads (x)"},
			"FILE: read thread_id and user_id from threads_meta, as DeerFlow's database has them: SQL logic error: no such table: threads_meta (1)"},
		{"no column", []string{"ALTER TABLE threads_meta RENAME COLUMN user_id TO owner"},
			"FILE: read thread_id and user_id from threads_meta, as DeerFlow's database has them: SQL logic error: no such column: user_id (1)"},
		{"a thread twice", []string{"DROP TABLE threads_meta", "CREATE TABLE threads_meta (thread_id, user_id)", "INSERT INTO threads_meta VALUES ('t1', 'alice'), ('t1', NULL)"},
			`FILE: row 2: thread_id "t1": is named again, with user_id ""; row 1 has it with "alice": leave one`},
		{"illegal ids", []string{"INSERT INTO threads_meta (thread_id, user_id) VALUES ('a/b', 'alice'), ('t1', 'bob@example.com')"},
			"FILE: row 1: thread_id \"a/b\": has characters that no policy can admit there\nFILE: row 2: user_id \"bob@example.com\" of thread \"t1\": has characters other than A-Z, a-z, 0-9, _ and - (see idCharacters)"},
		{"no thread", []string{"DROP TABLE threads_meta", "CREATE TABLE threads_meta (thread_id, user_id)", "INSERT INTO threads_meta VALUES (NULL, 'alice')"},
			`FILE: row 1: thread_id "": is empty`},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "deerflow.db")
			do(t, create(t, file), test.statements...)
			got, err := Load(t.Context(), file)
			if err == nil || strings.ReplaceAll(err.Error(), file, "FILE") != test.want || got != nil {
				t.Errorf("got %v, %v; want %s", got, err, test.want)
			}
		})
	}
}

func TestBrokenSQLite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deerflow.db")
	database := create(t, file)
	for i := range 1000 {
		do(t, database, fmt.Sprintf("INSERT INTO threads_meta (thread_id, user_id) VALUES ('t%d', 'alice')", i))
	}
	do(t, database, "PRAGMA wal_checkpoint(TRUNCATE)")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"only its first bytes", whole[:20], "file is not a database"},
		{"half of it", whole[:len(whole)/2], "database disk image is malformed"},
	} {
		if got, err := load(t, string(test.data)); err == nil || !strings.Contains(err.Error(), test.want) || got != nil {
			t.Errorf("%s: got %d owners, %v; want %s", test.name, len(got), err, test.want)
		}
	}
}

// interrupted is a context that does something when it is asked for its error for the n-th time, as
// it is before everything that a snapshot reads.
type interrupted struct {
	context.Context
	n    int
	do   func()
	done bool
}

func (i *interrupted) Err() error {
	i.n--
	if i.n == 0 {
		i.do()
		i.done = true
	}
	return i.Context.Err()
}

// Whatever a gateway does between any two readings of the files, the owners are those before or
// those after.
func TestSnapshotOfALivingDatabase(t *testing.T) {
	const (
		fold   = "PRAGMA wal_checkpoint(PASSIVE)"
		empty  = "PRAGMA wal_checkpoint(TRUNCATE)" // folds, and makes the log anew
		update = "UPDATE threads_meta SET user_id = 'u'||(substr(user_id, 2)+1)"
		touch  = "UPDATE threads_meta SET status = hex(randomblob(4)) WHERE thread_id = 't1'" // is in one page only
	)
	for _, size := range []struct {
		name    string
		threads int
	}{
		{"a commit is shorter than what is read at once", 150},
		{"a commit is longer than what is read at once", 1000},
	} {
		file := filepath.Join(t.TempDir(), "deerflow.db")
		database := create(t, file)
		do(t, database, fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < %d) "+
			"INSERT INTO threads_meta (thread_id, user_id) SELECT 't'||i, 'u1000' FROM n", size.threads))
		for _, test := range []struct {
			name           string
			before, during []string
		}{
			{"commits", []string{update, update}, []string{update}},
			{"commits and folds", []string{update, update}, []string{update, fold}},
			{"commits to other pages and folds", []string{touch}, []string{update, fold}},
			{"folds", []string{update, update}, []string{fold}},
			{"empties the log", []string{update, update}, []string{empty}},
			{"commits and empties the log", []string{update}, []string{update, empty, update}},
			{"begins the log anew", []string{update, update, update, fold}, []string{update, update, update}},
			{"begins the log anew and folds", []string{update, update, update, fold}, []string{update, fold}},
		} {
			t.Run(size.name+"/"+test.name, func(t *testing.T) {
				for n := 1; ; n++ {
					do(t, database, empty)
					do(t, database, test.before...)
					first := owner(t, database)
					ctx := &interrupted{Context: t.Context(), n: n, do: func() { do(t, database, test.during...) }}
					copied, err := snapshot(ctx, file, t.TempDir())
					if err != nil {
						t.Fatal(err)
					}
					last := owner(t, database)
					got, err := Load(t.Context(), copied)
					states := map[string]bool{}
					for _, owner := range got {
						states[owner] = true
					}
					if err != nil || len(got) != size.threads || len(states) != 1 || got["t1"] < first || got["t1"] > last {
						t.Fatalf("before reading %d: got %d owners, of states %v, %v; want one, between %s and %s", n, len(got), states, err, first, last)
					}
					if !ctx.done {
						break // that were all readings
					}
				}
			})
		}
	}
}

// owner returns whose a thread is now.
func owner(t *testing.T, database *sql.DB) (user string) {
	t.Helper()
	if err := database.QueryRowContext(t.Context(), "SELECT user_id FROM threads_meta WHERE thread_id = 't1'").Scan(&user); err != nil {
		t.Fatal(err)
	}
	return user
}

// When the gateway ends, SQLite folds the log, if that is not done yet, and removes it.
func TestSnapshotOfADatabaseThatIsClosed(t *testing.T) {
	for n := 2; ; n++ {
		file := filepath.Join(t.TempDir(), "deerflow.db")
		database := create(t, file)
		do(t, database, "INSERT INTO threads_meta (thread_id, user_id) VALUES ('t1', 'alice')")
		if n%2 == 0 { // so that nothing changes but the log's being there
			do(t, database, "PRAGMA wal_checkpoint(PASSIVE)")
		}
		ctx := &interrupted{Context: t.Context(), n: n / 2, do: func() {
			if err := database.Close(); err != nil {
				t.Fatal(err)
			}
		}}
		copied, err := snapshot(ctx, file, t.TempDir())
		if err != nil {
			t.Fatalf("before reading %d: %v", n/2, err)
		}
		if got, err := Load(t.Context(), copied); err != nil || got["t1"] != "alice" {
			t.Fatalf("before reading %d: got %v, %v", n/2, got, err)
		}
		if !ctx.done {
			break // that were all readings
		}
	}
}

// restless is a context under which a database changes before everything that is read.
type restless struct {
	context.Context
	do func()
}

func (r restless) Err() error {
	r.do()
	return r.Context.Err()
}

func TestSnapshotIsGivenUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deerflow.db")
	database := create(t, file)
	do(t, database, "INSERT INTO threads_meta (thread_id, user_id) VALUES ('t1', 'alice')")
	ctx := restless{t.Context(), func() {
		do(t, database, "UPDATE threads_meta SET user_id = user_id || 'x'", "PRAGMA wal_checkpoint(TRUNCATE)")
	}}
	if _, err := snapshot(ctx, file, t.TempDir()); err == nil || err.Error() != "changed while it was copied, 5 times: stop what writes to it" {
		t.Errorf("got %v", err)
	}
}

func TestCanceledCopy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deerflow.db")
	create(t, file)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Load(ctx, file); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left := contents(t, temporary); len(left) > 0 {
		t.Errorf("the copy is still there: %v", left)
	}
	t.Setenv("TMPDIR", filepath.Join(temporary, "none"))
	if _, err := Load(t.Context(), file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a temporary directory: got %v", err)
	}
}

// contents returns all that a directory holds, with times and bytes.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found[entry.Name()] = fmt.Sprint(info.ModTime(), info.Mode(), string(data))
	}
	return found
}

// copyAs copies a database as the death of its writer would leave it. Of its log it takes only as
// many bytes as size says, unless that is negative.
func copyAs(t *testing.T, from, to string, size int64) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-journal"} {
		data, err := os.ReadFile(from + suffix)
		if suffix != "" && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if suffix != "" && size >= 0 {
			data = data[:size]
		}
		if err := os.WriteFile(to+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
