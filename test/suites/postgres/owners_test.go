//go:build postgres

package postgres

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"userscope.dev/userscope/migrate/owners"
	"userscope.dev/userscope/test/kit/cleanup"
)

// deerFlowTable is the table as DeerFlow's persistence/thread_meta/model.py declares it.
const deerFlowTable = `CREATE TABLE threads_meta (
	thread_id VARCHAR(64) NOT NULL PRIMARY KEY,
	assistant_id VARCHAR(128),
	user_id VARCHAR(64),
	display_name VARCHAR(256),
	status VARCHAR(20) NOT NULL DEFAULT 'idle',
	metadata_json JSON NOT NULL DEFAULT '{}',
	created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()
)`

// The reader may read what there is, and its password is hard to write.
const (
	reader = "reader"
	secret = `p:a/s?s#w@o%r&d'"` //nolint:gosec // of a server that lives for a minute
)

var server *Server

func TestMain(m *testing.M) {
	os.Exit(cleanup.RunTests(m, func(ctx context.Context) (stop func() error, err error) {
		if server, err = Start(ctx); err != nil {
			return nil, err
		}
		return server.Stop, nil
	}))
}

// prepare empties the database, and fills it by the statements.
func prepare(t *testing.T, statements ...string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.DSN(Admin, AdminPassword))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	for _, statement := range append([]string{
		"DROP SCHEMA public CASCADE",
		"DROP ROLE IF EXISTS " + reader,
		"CREATE SCHEMA public",
		"CREATE ROLE " + reader + " LOGIN PASSWORD '" + strings.ReplaceAll(secret, "'", "''") + "'",
		"GRANT USAGE ON SCHEMA public TO " + reader,
		"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO " + reader,
	}, statements...) {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return conn
}

func TestOwners(t *testing.T) {
	prepare(t, deerFlowTable, "INSERT INTO threads_meta (thread_id, user_id) VALUES ('t1', 'alice'), ('t2', NULL), ('t3', ''), ('t4', 'bob')")
	want := owners.Owners{"t1": "alice", "t4": "bob"}
	host, port, err := net.SplitHostPort(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	url := server.DSN(reader, secret)
	for name, dsn := range map[string]string{
		"a URL":                     url,
		"a URL with the short name": strings.Replace(url, "postgresql:", "postgres:", 1),
		"SQLAlchemy's URL":          strings.Replace(url, "postgresql:", "postgresql+asyncpg:", 1),
		"key and value": fmt.Sprintf("host=%s port=%s user=%s dbname=postgres password='%s'",
			host, port, reader, strings.ReplaceAll(secret, "'", `\'`)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(owners.DSNVariable, dsn)
			if got, err := owners.Load(t.Context(), owners.Postgres); err != nil || !maps.Equal(got, want) {
				t.Errorf("got %v, %v; want %v", got, err, want)
			}
		})
	}
}

func TestManyOwners(t *testing.T) {
	const threads = 100_000
	prepare(t, deerFlowTable, fmt.Sprintf("INSERT INTO threads_meta (thread_id, user_id) SELECT 't' || n, 'u' || n %% 1000 FROM generate_series(1, %d) n", threads))
	t.Setenv(owners.DSNVariable, server.DSN(reader, secret))
	got, err := owners.Load(t.Context(), owners.Postgres)
	if err != nil || len(got) != threads || got["t99999"] != "u999" {
		t.Errorf("got %d owners, %v", len(got), err)
	}
}

func TestMistakes(t *testing.T) {
	const query = `postgres: read thread_id and user_id from threads_meta, as DeerFlow's database has them: `
	for _, test := range []struct {
		name       string
		statements []string
		want       string
	}{
		{"no table", nil, query + `ERROR: relation "threads_meta" does not exist (SQLSTATE 42P01)`},
		{"no column", []string{deerFlowTable, "ALTER TABLE threads_meta RENAME user_id TO owner"}, query + `ERROR: column "user_id" does not exist (SQLSTATE 42703)`},
		{"no right", []string{deerFlowTable, "REVOKE ALL ON threads_meta FROM " + reader}, query + `ERROR: permission denied for table threads_meta (SQLSTATE 42501)`},
		{"illegal ids", []string{deerFlowTable, "INSERT INTO threads_meta (thread_id, user_id) VALUES ('a/b', 'alice'), ('t1', 'bob@example.com')"},
			"postgres: row 1: thread_id \"a/b\": has characters that no policy can admit there\n" +
				"postgres: row 2: user_id \"bob@example.com\" of thread \"t1\": has characters other than A-Z, a-z, 0-9, _ and - (see idCharacters)"},
		{"a thread twice", []string{"CREATE VIEW threads_meta AS VALUES ('t1', 'alice'), ('t1', 'alice')", "ALTER VIEW threads_meta RENAME column1 TO thread_id", "ALTER VIEW threads_meta RENAME column2 TO user_id"},
			`postgres: row 2: thread_id "t1": is named again, with user_id "alice"; row 1 has it with "alice": leave one`},
		{"no thread", []string{"CREATE VIEW threads_meta AS SELECT NULL::text AS thread_id, 'alice' AS user_id"}, `postgres: row 1: thread_id "": is empty`},
		{"a write", []string{
			"CREATE TABLE written (x int)",
			"CREATE FUNCTION steal() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ INSERT INTO written VALUES (1); SELECT 't1' $$",
			"CREATE VIEW threads_meta AS SELECT steal() AS thread_id, 'mallory' AS user_id",
		}, query + "ERROR: cannot execute INSERT in a read-only transaction (SQLSTATE 25006)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			prepare(t, test.statements...)
			t.Setenv(owners.DSNVariable, server.DSN(reader, secret))
			got, err := owners.Load(t.Context(), owners.Postgres)
			if err == nil || err.Error() != test.want || got != nil {
				t.Errorf("got:\n%v, %v\nwant:\n%s", got, err, test.want)
			}
		})
	}
}

// Whatever is wrong with a DSN, the error shows nothing of its password.
func TestBadDSN(t *testing.T) {
	prepare(t, deerFlowTable)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent := nobody.Addr().String() // accepts, and says nothing
	t.Cleanup(func() { _ = nobody.Close() })
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := gone.Addr().String()
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	const unreadable = "postgres: USERSCOPE_OWNERS_DSN: cannot be read (its value, which may hold a password, is not shown): want postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with %XX for special characters"
	for _, test := range []struct{ name, dsn, want string }{
		{"none", "", "postgres: USERSCOPE_OWNERS_DSN: is not set: set it to DeerFlow's database.postgres_url"},
		{"a wrong password", server.DSN(reader, "hunter2hunter2"), `password authentication failed for user "reader"`},
		{"no such user", server.DSN("nobody", "hunter2hunter2"), `password authentication failed for user "nobody"`},
		{"no such database", strings.Replace(server.DSN(Admin, AdminPassword), "/postgres", "/deerflow", 1), `database "deerflow" does not exist`},
		{"nobody listens", "postgresql://reader:hunter2hunter2@" + closed + "/postgres", "connection refused"},
		{"somebody listens and says nothing", "postgresql://reader:hunter2hunter2@" + silent + "/postgres?sslmode=disable&connect_timeout=1", "timeout: context deadline exceeded"},
		{"a slash in the password", "postgresql://reader:hunter2/hunter2@" + server.Address + "/postgres", unreadable},
		{"a percent sign in the password", "postgresql://reader:hunter2%hunter2@" + server.Address + "/postgres", unreadable},
		{"a hash in the password", "postgresql://reader:hunter2#hunter2@" + server.Address + "/postgres", `password authentication failed for user "reader"`},
		{"a space in the password", "user=reader password=hunter2 hunter2 host=127.0.0.1", unreadable},
		{"another database's URL", "mysql://reader:hunter2@127.0.0.1/x", unreadable},
		{"no DSN at all", "hunter2", unreadable},
		{"a wrong setting", "postgresql://reader:hunter2@" + server.Address + "/postgres?connect_timeout=soon", unreadable},
		{"asyncpg's settings", server.DSN(Admin, AdminPassword) + "?ssl=require", `parameter "ssl" cannot be changed now`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(owners.DSNVariable, test.dsn)
			_, err := owners.Load(t.Context(), owners.Postgres)
			if err == nil || !strings.HasPrefix(err.Error(), "postgres: ") || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v; want %s", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), AdminPassword) {
				t.Errorf("shows the password: %v", err)
			}
		})
	}
}

// A table that somebody else holds is waited for as long as the context says.
func TestLockedTable(t *testing.T) {
	holder := prepare(t, deerFlowTable)
	tx, err := holder.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE threads_meta"); err != nil {
		t.Fatal(err)
	}
	t.Setenv(owners.DSNVariable, server.DSN(reader, secret))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := owners.Load(ctx, owners.Postgres); err == nil || err.Error() != "postgres: context deadline exceeded" {
		t.Errorf("got %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := owners.Load(t.Context(), owners.Postgres); err != nil || len(got) != 0 {
		t.Errorf("once it is free: got %v, %v", got, err)
	}
}
