package claim

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Project is the quota project of a directory.
type Project struct {
	ID uint32
	// Inherits is true if what is made in the directory, or moved there, must be of the same project.
	Inherits bool
}

// getXattr is FS_IOC_FSGETXATTR, and fsxattr is struct fsxattr, both of linux/fs.h.
const (
	getXattr       = 0x801c581f
	projectInherit = 0x200
)

type fsxattr struct {
	flags, extentSize, extents, project, copyExtentSize uint32
	_                                                   [8]byte
}

// Project returns a directory's quota project. A filesystem without projects has the project 0.
func (c *Claim) Project(p Path) (Project, error) {
	var project Project
	err := c.on("project", p, func(fd int) error {
		var x fsxattr
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), getXattr, uintptr(unsafe.Pointer(&x))) //nolint:gosec // x/sys has no call for it
		if errno == 0 {
			project = Project{ID: x.project, Inherits: x.flags&projectInherit != 0}
		}
		return nil
	})
	return project, err
}
