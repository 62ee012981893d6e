package cleanup

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// Dir is a temporary directory.
type Dir struct {
	// Path is its absolute path.
	Path string

	lifeline io.Closer
	janitor  *exec.Cmd
}

// live holds each directory until it is removed: the garbage collector would close the lifeline of
// one that nobody holds, and the janitor would take that for our end.
var live sync.Map

// janitorScript waits for the end of its input, which is when the process that started it has
// ended or calls Remove, and removes the directory. It tries for a while, because the children
// of a killed process die a moment after it and may write until then.
const janitorScript = `
trap '' INT TERM HUP
read -r _
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	rm -rf -- "$1" && [ ! -e "$1" ] && exit 0
	sleep 0.1
done
exit 1
`

// MkdirTemp makes a temporary directory as os.MkdirTemp does, in the default place.
func MkdirTemp(pattern string) (*Dir, error) {
	path, err := os.MkdirTemp("", pattern)
	if err != nil {
		return nil, err
	}
	janitor := exec.Command("/bin/sh", "-c", janitorScript, "janitor", path)
	// A session of its own: no signal to our terminal or process group reaches it. Its
	// output is the null device, lest go test wait for it.
	janitor.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	janitor.Dir = "/"
	lifeline, err := janitor.StdinPipe()
	if err == nil {
		err = janitor.Start()
	}
	if err != nil {
		_ = os.RemoveAll(path)
		return nil, fmt.Errorf("start the process that will remove %s: %w", path, err)
	}
	d := &Dir{Path: path, lifeline: lifeline, janitor: janitor}
	live.Store(d, nil)
	return d, nil
}

// Remove removes the directory with all that is in it.
func (d *Dir) Remove() error {
	live.Delete(d)
	_ = d.lifeline.Close() // the janitor sees the end of its input all the same
	if err := d.janitor.Wait(); err != nil {
		return fmt.Errorf("remove %s: %w", d.Path, err)
	}
	return nil
}
