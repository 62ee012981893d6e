package journal

import "userscope.dev/userscope/migrate/claim"

// Filesystem is what a probe of the claim's filesystem found. Runs move files by it.
type Filesystem struct {
	// Type is the filesystem's type, such as ext4 or fuse.sshfs.
	Type  string `json:"type"`
	Moves Moves  `json:"moves"`
	// Links is true if a file can get a second name, and both names have one identity.
	Links bool `json:"links,omitempty"`
	// Times is true if a directory's time of change can be set.
	Times bool `json:"times,omitempty"`
	// Modes is true if a directory's mode can be set.
	Modes bool `json:"modes,omitempty"`
	// MadeMode and MadeUID are the permission bits and the owner of a directory that Mkdir has made.
	MadeMode uint32 `json:"madeMode"`
	MadeUID  uint32 `json:"madeUID"`
}

// Moves is how a filesystem moves a directory to a place without ever replacing anything there.
type Moves string

const (
	// Atomic is renameat2(2) with RENAME_NOREPLACE.
	Atomic Moves = "atomic"
	// Reserving is an empty directory that reserves the place, and that rename(2) replaces. It does not replace
	// a directory that has something in it.
	Reserving Moves = "reserving"
)

// Made reports whether a file can be a directory that Mkdir made for a user, and that has not got its mode
// since. Before the first probe, in journals of format 1, the mode is 0700.
func (f *Filesystem) Made(info claim.Info, uid uint32) bool {
	if f == nil {
		return info.Made(uid)
	}
	return info.Kind == claim.Directory && info.Mode&0o777 == f.MadeMode && (info.UID == f.MadeUID || info.UID == uid)
}
