// Package postgres runs a PostgreSQL server for tests, from the machine's own package: Debian's
// postgresql. Its tests want the build tag postgres, because not every machine has one;
// `make test-postgres` sets it.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"userscope.dev/userscope/test/kit/cleanup"
)

// The superuser of every server.
const (
	Admin         = "admin"
	AdminPassword = "correct horse"
)

// Server is a running PostgreSQL server on loopback, with nothing in it. Every user needs a
// password.
type Server struct {
	// Address is its HOST:PORT.
	Address string

	dir     *cleanup.Dir
	process *cleanup.Process
}

// Start starts a server on a free port and returns when it answers. It ends with this process.
func Start(ctx context.Context) (*Server, error) {
	programs, err := findPrograms()
	if err != nil {
		return nil, err
	}
	var s *Server
	err = cleanup.Retry(func() error {
		s = &Server{}
		if err := s.start(ctx, programs); err != nil {
			return errors.Join(err, s.Stop())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, programs string) (err error) {
	if s.dir, err = cleanup.MkdirTemp("userscope-postgres-"); err != nil {
		return err
	}
	run, err := unprivileged(s.dir.Path)
	if err != nil {
		return err
	}
	password := filepath.Join(s.dir.Path, "password")
	if err := os.WriteFile(password, []byte(AdminPassword), 0o444); err != nil { //nolint:gosec // its directory is closed, and its reader another user
		return err
	}
	data := filepath.Join(s.dir.Path, "data")
	initdb, err := run(filepath.Join(programs, "initdb"), "--pgdata="+data, "--no-sync", "--encoding=UTF8", "--locale=C",
		"--auth=scram-sha-256", "--username="+Admin, "--pwfile="+password)
	if err != nil {
		return err
	}
	if err := initdb.Wait(); err != nil {
		return err
	}
	port, err := cleanup.FreePort()
	if err != nil {
		return err
	}
	s.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s.process, err = run(filepath.Join(programs, "postgres"), "-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port),
		"-k", s.dir.Path, "-c", "fsync=off")
	if err != nil {
		return err
	}
	return cleanup.AwaitReady(ctx, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, s.DSN(Admin, AdminPassword))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}, s.process)
}

// DSN returns the URL of the server's first database for a user.
func (s *Server) DSN(name, password string) string {
	return (&url.URL{Scheme: "postgresql", Host: s.Address, Path: "/postgres", User: url.UserPassword(name, password)}).String()
}

// Stop ends the server, whoever is connected, and removes its directory.
func (s *Server) Stop() error {
	var errs []error
	if s.process != nil {
		s.process.Signal(syscall.SIGINT) // does not wait for clients, as SIGTERM does
		errs = append(errs, s.process.Stop(30*time.Second))
	}
	if s.dir != nil {
		errs = append(errs, s.dir.Remove())
	}
	return errors.Join(errs...)
}

// findPrograms returns the directory of initdb and postgres: Debian puts it off PATH.
func findPrograms() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	program, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("no PostgreSQL server is installed: as root, apt-get install -y --no-install-recommends postgresql")
	}
	return filepath.Dir(program), nil
}

// unprivileged makes a directory that of the user who will run PostgreSQL, which refuses to be root,
// and returns what starts programs as that user.
func unprivileged(dir string) (run func(program string, args ...string) (*cleanup.Process, error), err error) {
	if os.Geteuid() != 0 {
		return func(program string, args ...string) (*cleanup.Process, error) {
			return cleanup.Start(dir, program, args...)
		}, nil
	}
	postgres, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(postgres.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(postgres.Gid)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		return nil, err
	}
	return func(program string, args ...string) (*cleanup.Process, error) {
		// Who changes its user is no longer killed when its parent ends, unless it asks for that again.
		as := []string{"--reuid=" + postgres.Uid, "--regid=" + postgres.Gid, "--clear-groups", "--pdeathsig=KILL", program}
		return cleanup.Start(dir, "setpriv", append(as, args...)...)
	}, nil
}
