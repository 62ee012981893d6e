package claim

import (
	"strings"
	"time"
)

// Identity tells a file from others, as far as its filesystem can. A number alone does not: every subvolume
// of Btrfs has inode 256, and many FUSE filesystems number their files anew at each mount, or sooner.
type Identity struct {
	Inode uint64 `json:"inode"`
	// Birth is when the file was made, in nanoseconds since 1970; 0 if the filesystem does not know (statx(2)).
	Birth int64 `json:"birth,omitempty"`
	// Handle is the type and the bytes of the file's handle, which holds as long as the file does, in hex;
	// empty if the filesystem has none (name_to_handle_at(2)).
	Handle string `json:"handle,omitempty"`
}

// Likeness is how sure it is that two identities are of one file.
type Likeness uint8

// Unknown means that numbers differ, and that the filesystem may have changed them.
const (
	Different Likeness = iota
	Unknown
	Same
)

// Compare tells whether a file is the file of a recorded identity.
func (i Identity) Compare(now Info) Likeness {
	switch {
	case i.sameKindOfHandle(now.Identity):
		return likeness(i.Handle == now.Handle)
	case i.Birth != 0 && now.Birth != 0 && i.Birth != now.Birth:
		return Different
	case i.Inode == now.Inode:
		return Same
	case now.Stable:
		return Different
	case i.Birth != 0 && now.Birth != 0:
		return Same
	default:
		return Unknown
	}
}

func likeness(same bool) Likeness {
	if same {
		return Same
	}
	return Different
}

// Contradicts reports whether two recorded identities are of two files.
func (i Identity) Contradicts(other Identity) bool {
	switch {
	case i.sameKindOfHandle(other):
		return i.Handle != other.Handle
	case i.Birth != 0 && other.Birth != 0:
		return i.Birth != other.Birth
	default:
		return i.Inode != other.Inode
	}
}

// sameKindOfHandle reports whether the handles of two identities can be compared. A kernel may change the
// type of a filesystem's handles.
func (i Identity) sameKindOfHandle(other Identity) bool {
	mine, _, _ := strings.Cut(i.Handle, ":")
	theirs, _, _ := strings.Cut(other.Handle, ":")
	return mine != "" && mine == theirs
}

// birthOf returns a time as Identity has it.
func birthOf(sec int64, nsec uint32) int64 { return time.Unix(sec, int64(nsec)).UnixNano() }
