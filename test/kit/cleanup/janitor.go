package cleanup

import (
	"io"
	"os/exec"
	"sync"
	"syscall"
)

// janitor is a process that cleans up after this one.
type janitor struct {
	lifeline io.Closer
	process  *exec.Cmd
}

// live holds each janitor until its work is done: the garbage collector would close the lifeline of
// one that nobody holds, and the janitor would take that for our end.
var live sync.Map

// awaitEnd waits for the end of the input, which is when the process that hired the janitor has ended
// or has it work.
const awaitEnd = `
trap '' INT TERM HUP
read -r _
`

// hire starts a janitor that will run a shell's script with arguments.
func hire(script string, args ...string) (*janitor, error) {
	process := exec.Command("/bin/sh", append([]string{"-c", awaitEnd + script, "janitor"}, args...)...)
	// A session of its own: no signal to our terminal or process group reaches it. Its
	// output is the null device, lest go test wait for it.
	process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	process.Dir = "/"
	lifeline, err := process.StdinPipe()
	if err == nil {
		err = process.Start()
	}
	if err != nil {
		return nil, err
	}
	j := &janitor{lifeline, process}
	live.Store(j, nil)
	return j, nil
}

// work has the janitor do its work, and waits for it.
func (j *janitor) work() error {
	live.Delete(j)
	_ = j.lifeline.Close() // the janitor sees the end of its input all the same
	return j.process.Wait()
}
