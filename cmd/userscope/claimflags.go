package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// claimFlags are the flags by which migrate finds a claim and its own state.
type claimFlags struct {
	root, state, takeLockOf string
}

// addFlags adds the flags of every command that opens a claim. what describes the root.
func (f *claimFlags) addFlags(command *cobra.Command, what string) {
	flags := command.Flags()
	flags.StringVar(&f.root, "root", "", "`DIR` "+what+" (required)")
	flags.StringVar(&f.state, "state", "", "private local `DIR` for journal and lock, where the claim's filesystem cannot keep owner or mode; the same for plan, apply and undo (default: ROOT)")
}

// addTakeLockOf adds the flag that gets past the lock of a Pod that died.
func (f *claimFlags) addTakeLockOf(command *cobra.Command) {
	command.Flags().StringVar(&f.takeLockOf, "take-lock-of", "", "`HOST` whose run left its lock and has ended for sure, so that this one takes it")
}

var errNoRoot = errors.New("--root: name the directory that holds, or will hold, users/")
