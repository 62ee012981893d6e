package owners

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// DSNVariable names the environment variable that says where DeerFlow's PostgreSQL is: a URL such
// as its own database.postgres_url, or libpq's KEY=VALUE pairs. A command line, which all processes
// of a machine can read, is no place for a password. What it leaves out, libpq's own variables
// (PGPASSWORD, PGSSLMODE) and files say.
const DSNVariable = "USERSCOPE_OWNERS_DSN"

// How long a server may take: to be reached at each of its addresses, unless the DSN says
// connect_timeout, and to send all owners.
const (
	connectTimeout = 10 * time.Second
	readTimeout    = 2 * time.Minute
)

// sqlAlchemyDriver is what SQLAlchemy, by which DeerFlow connects, has in its URLs beyond libpq's.
var sqlAlchemyDriver = regexp.MustCompile(`^(postgres(?:ql)?)\+[a-z0-9]+://`)

// readPostgres reads the owners from DeerFlow's table in the PostgreSQL of DSNVariable.
func readPostgres(ctx context.Context, _ string, into *collection) error {
	into.unit = "row"
	dsn := os.Getenv(DSNVariable)
	if dsn == "" {
		return fmt.Errorf("%s: is not set: set it to DeerFlow's database.postgres_url", DSNVariable)
	}
	config, err := pgx.ParseConfig(sqlAlchemyDriver.ReplaceAllString(dsn, "$1://"))
	if err != nil {
		// No detail: in a DSN that is cut in wrong places, any part may be the password.
		return fmt.Errorf("%s: cannot be read (its value, which may hold a password, is not shown): want postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with %%XX for special characters", DSNVariable)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	// No prepared statements, which a pooler in between might not know.
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol

	ctx, cancel := context.WithTimeoutCause(ctx, readTimeout, fmt.Errorf("has not sent all owners within %v", readTimeout))
	defer cancel()
	err = ask(ctx, config, into)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// ask connects and reads the table in one transaction that cannot write.
func ask(ctx context.Context, config *pgx.ConnConfig, into *collection) error {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return notDeerFlow(err)
	}
	var thread, user pgtype.Text
	position := 0
	_, err = pgx.ForEachRow(rows, []any{&thread, &user}, func() error {
		position++
		into.add(position, thread.String, user.String)
		return nil
	})
	if err != nil {
		return notDeerFlow(err)
	}
	return nil
}
