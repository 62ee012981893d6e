// Package owners reads whose thread each thread is. It imports policy and nothing else of Userscope.
//
// # Sources
//
// A source is the word postgres or the name of a file, and what a file is, its contents say:
//
//   - CSV, in UTF-8, with a header that names the columns thread_id and user_id, in any order;
//     further columns are ignored. The last line has a line break at its end, too.
//   - JSON: an object from thread to user, {"thread-1": "alice"}; or a list of objects that have
//     a thread_id and a user_id, as databases export rows. Further keys of these are ignored.
//   - SQLite: DeerFlow's database, deerflow.db in the directory database.sqlite_dir, whose table
//     threads_meta has both columns. See readSQLite for how it is read without a change to it.
//   - postgres: the same table in DeerFlow's PostgreSQL, which DSNVariable names.
//
// # Owners
//
// A thread whose user is missing has no owner: in CSV the empty field, in JSON null or the empty
// string, in a database NULL or the empty string. DeerFlow stores NULL for threads from before it
// had users. It is no mistake; such a thread is left out, as one that is not named at all.
//
// Everything else that is odd is a mistake, and a source with a mistake gives no owners at all: an
// id that is not legal, which is never repaired; in CSV and JSON a word such as NULL where a user
// belongs, which an export has made of a missing one; and a thread that is named twice, even if by
// the same user, since then two lists were mixed and the next such pair may differ.
package owners

import (
	"context"

	"userscope.dev/userscope/webhook/policy"
)

// Owners maps threads to their users. All of them are legal ids.
type Owners map[string]string

// Postgres is the source that is DeerFlow's PostgreSQL. A file of that name is ./postgres.
const Postgres = "postgres"

// The columns of CSV, keys of JSON and columns of threads_meta.
const (
	threadColumn = "thread_id"
	userColumn   = "user_id"
)

// Load reads the owners from a source. The error names the source, and each mistake in it with its
// line, or the number of the entry or row, and its value; it never shows a password.
func Load(ctx context.Context, source string) (Owners, error) {
	collected := newCollection()
	read := readFile
	if source == Postgres {
		read = readPostgres
	}
	err := read(ctx, source, collected)
	return collected.result(source, err)
}

var (
	threadRule = policy.IDRule{MaxLength: policy.MaxThreadLength}
	userRule   = policy.IDRule{MaxLength: policy.MaxUserLength}
)
