// Command userscope scopes sandbox Pods to their users: as the cluster's admission webhook, and
// offline, over Pods in files.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// The exit codes that all commands share. What else a command exits with stands in its help.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// exitError is the end of a command that was called rightly. Every other error that a command
// returns, cobra's own among them, is a mistake in how it was called.
type exitError struct {
	code int
	// err is what to report; nil if everything has been said.
	err error
}

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d: %v", e.code, e.err) }

// failed makes an error, if there is one, the failure of a command that was called rightly.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitFailed, err}
}

// run is the whole program; it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(append([]string{}, args...)) // for cobra, nil means os.Args
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	defer flushLog(root)

	command, err := root.ExecuteC()
	var exit *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		if exit.err != nil {
			report(root.ErrOrStderr(), command, exit.err)
		}
		return exit.code
	default:
		report(root.ErrOrStderr(), command, err)
		fmt.Fprintf(root.ErrOrStderr(), "Run '%s --help' for usage.\n", command.CommandPath())
		return exitUsage
	}
}

// report prints an error, which may be several, each on a line that begins with the command.
func report(stderr io.Writer, command *cobra.Command, err error) {
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintf(stderr, "%s: %s\n", command.CommandPath(), line)
		}
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "userscope",
		Short: "Scope sandbox Pods to their users' data",
		Long: `Userscope finds out whose sandbox a Pod is and rewrites its mounts so that it reaches that
user's data on a shared PersistentVolumeClaim, and nobody else's.

One policy file says which Pods are sandboxes and where each user's data lies. The same
decision runs in the cluster (webhook) and on files (check), so what check says is what the
cluster does.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(webhookCommand(), certsCommand(), checkCommand(), migrateCommand(), sandboxIDCommand(), versionCommand(), completionCommand())
	root.SetHelpCommand(helpCommand())
	return root
}
