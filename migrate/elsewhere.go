package migrate

import (
	"fmt"

	"userscope.dev/userscope/migrate/claim"
)

// subvolume is the inode of every Btrfs subvolume's own directory, which can move to another subvolume.
const subvolume = 256

// boundaries foresees that rename(2) refuses a move within one mount with EXDEV.
type boundaries struct {
	fs FS
	// device is that of the directory that holds the items.
	device uint64
	// last is the directory that was looked at last, and project its project.
	last    claim.Path
	project claim.Project
}

// between tells why a directory cannot be renamed to a place below another, which is there; empty if it can.
func (b *boundaries) between(item *Item, below link) (why string, err error) {
	if below.info.Device != b.device && item.inode != subvolume {
		return fmt.Sprintf("is in another Btrfs subvolume, or on another device, than %s: rename cannot move it there", show(below.path)), nil
	}
	if item.source.kind != claim.Directory {
		return "", nil
	}
	if b.last != below.path {
		if b.project, err = b.fs.Project(below.path); err != nil {
			return "", err
		}
		b.last = below.path
	}
	if !b.project.Inherits {
		return "", nil
	}
	own, err := b.fs.Project(item.from())
	if err != nil || own.ID == b.project.ID {
		return "", err
	}
	return fmt.Sprintf("has the quota project %d, and %s has %d: rename cannot move it there", own.ID, show(below.path), b.project.ID), nil
}

func show(p claim.Path) string {
	if p.Name == "" {
		return "the root"
	}
	return p.Name
}
