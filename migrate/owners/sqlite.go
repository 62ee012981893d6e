package owners

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the driver sqlite
)

// query reads the owners from DeerFlow's table. The order makes the number of a row mean something
// to the reader of a message.
const query = "SELECT thread_id, user_id FROM threads_meta ORDER BY thread_id"

// readSQLite reads the owners from DeerFlow's table in an SQLite database.
//
// What was committed last may stand in the write-ahead log beside the database only, as long as a
// gateway runs and after one that was killed. SQLite could read both where they lie, but would
// change them: it locks, recovers, and folds the log into the database when it closes it. Told that
// nothing may change (immutable), it leaves the log out, and the owners are wrong. So it gets a
// copy of both, in a private directory of TMPDIR that needs the room for them. If the log is torn,
// SQLite takes what was committed before the tear, as it will for the gateway.
func readSQLite(ctx context.Context, name string, into *collection) (err error) {
	into.unit = "row"
	dir, err := os.MkdirTemp("", "userscope-owners-")
	if err != nil {
		return fmt.Errorf("make a directory for a copy: %w", err)
	}
	defer func() {
		if removed := os.RemoveAll(dir); err == nil && removed != nil {
			err = fmt.Errorf("remove the copy: %w", removed)
		}
	}()
	copied, err := snapshot(ctx, name, dir)
	if err != nil {
		return err
	}
	// In KiB: the table is read once, and a migration has little memory.
	const cache = "_pragma=cache_size(-200)"
	database, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: copied, RawQuery: cache}).String())
	if err != nil {
		return err
	}
	defer func() { _ = database.Close() }()
	rows, err := database.QueryContext(ctx, query)
	if err != nil {
		return notDeerFlow(err)
	}
	defer func() { _ = rows.Close() }()
	for position := 1; rows.Next(); position++ {
		var thread, user sql.NullString
		if err := rows.Scan(&thread, &user); err != nil {
			return fmt.Errorf("row %d: %w", position, err)
		}
		into.add(position, thread.String, user.String)
	}
	return rows.Err()
}

// notDeerFlow explains why a database could not be asked.
func notDeerFlow(err error) error {
	return fmt.Errorf("read %s and %s from threads_meta, as DeerFlow's database has them: %w", threadColumn, userColumn, err)
}
