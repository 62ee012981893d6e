package migrate

import (
	"io"
	"time"

	"userscope.dev/userscope/migrate/claim"
)

// FS is the claim. What each method does is said where claim.Claim implements it; tests put
// themselves between.
type FS interface {
	UseLegacy(name string) error
	LegacyName() (string, error)

	Lstat(p claim.Path) (claim.Info, error)
	Identify(p claim.Path) (claim.Info, error)
	FirstLink(p claim.Path, below []string) (string, error)
	List(p claim.Path) ([]string, error)
	Project(p claim.Path) (claim.Project, error)
	Mounts(tree claim.Tree) ([]claim.Path, error)

	Mkdir(p claim.Path) error
	Chown(p claim.Path, uid, gid uint32) error
	Chmod(p claim.Path, mode uint32) error
	SetModTime(p claim.Path, t time.Time) error
	Rmdir(p claim.Path) error

	Rename(from, to claim.Path) error
	RenameOnto(from, to claim.Path) error
	Link(from, to claim.Path) error
	Unlink(p claim.Path) error

	FSType() (string, error)
	Lock(p claim.Path) (unlock func() error, err error)
	Locked(p claim.Path) (bool, error)
	Read(p claim.Path) (io.ReadCloser, error)
	Append(p claim.Path) (claim.File, error)
	SyncDir(p claim.Path) error
	Sync() error
}

// root returns a path below the claim's root.
func root(name string) claim.Path { return claim.Path{Tree: claim.Root, Name: name} }

// Progress is told how many of how many moves have been tried.
type Progress func(done, total int)
