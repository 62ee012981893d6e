package cleanup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Process is a running child process.
type Process struct {
	// Name is the base name of its program.
	Name string
	// LogFile holds all that it writes.
	LogFile string

	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts a program that the kernel kills when this process ends. It runs in dir and its
// output goes to the file NAME.log there. A Ctrl-C at the terminal does not reach it: whoever
// started it ends it, in good order.
func Start(dir, program string, args ...string) (*Process, error) {
	command := exec.Command(program, args...)
	command.Dir = dir
	return StartCommand(dir, filepath.Base(program), command)
}

// StartCommand is Start for a command that may have attributes of its own. Its output goes to NAME.log in
// the directory of logs.
func StartCommand(logs, name string, command *exec.Cmd) (*Process, error) {
	log, err := os.Create(filepath.Join(logs, name+".log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has it open too

	p := &Process{Name: name, LogFile: log.Name(), cmd: command, done: make(chan struct{})}
	command.Stdout, command.Stderr = log, log
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Pdeathsig, command.SysProcAttr.Setpgid = syscall.SIGKILL, true
	started := make(chan error)
	go func() {
		// Linux sends the signal when the parent's thread ends, not its process. So the
		// thread that starts the child is kept until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// PID is its process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end of the process. The error says how it ended, if not well, with the end
// of its log.
func (p *Process) Wait() error {
	<-p.done
	if p.err == nil {
		return nil
	}
	return p.explain(fmt.Errorf("%s ended: %w", p.Name, p.err))
}

// Signal sends a signal, and does nothing when the process has ended.
func (p *Process) Signal(signal os.Signal) {
	select {
	case <-p.done:
	default:
		_ = p.cmd.Process.Signal(signal) // fails only if the process ended meanwhile
	}
}

// Kill kills the process and waits for its end.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop asks the process to end and waits for that. It kills the process when it takes longer
// than the grace period. The error says how it ended, if not well.
func (p *Process) Stop(grace time.Duration) error {
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Kill()
	}
	return p.Wait()
}

// explain adds the end of the process's log to an error.
func (p *Process) explain(err error) error {
	log, readErr := os.ReadFile(p.LogFile)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	if strings.Contains(string(log), syscall.EADDRINUSE.Error()) {
		err = fmt.Errorf("%w: %w", errPortTaken, err)
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	const most = 20
	if len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	return fmt.Errorf("%w\nThe end of its log:\n\t%s", err, strings.Join(lines, "\n\t"))
}
