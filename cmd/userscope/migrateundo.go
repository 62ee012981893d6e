package main

import (
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"userscope.dev/userscope/migrate"
)

// migrateUndoOptions are the flags of migrate undo.
type migrateUndoOptions struct {
	claim  claimFlags
	policy string
	migrate.UndoOptions
	pods   podCheck
	output outputFormat
}

func (o *migrateUndoOptions) addFlags(command *cobra.Command) {
	flags := command.Flags()
	o.claim.addFlags(command, "that was the root of apply")
	flags.BoolVar(&o.ForgetGone, "forget-gone", false, "give up what is neither at its new place nor at its old one (default: list it, and keep the journal)")
	flags.StringVar(&o.policy, "policy", "", "policy `FILE` that names the claim for --check-pods (default: DeerFlow's)")
	o.claim.addTakeLockOf(command)
	o.pods.addFlags(command)
	o.output.addFlag(command)
}

func migrateUndoCommand() *cobra.Command {
	var options migrateUndoOptions
	command := &cobra.Command{
		Use:   "undo --root DIR",
		Short: "Move back all that apply moved",
		Long: `Move back all that any apply moved below the root, by the journal that it left there, remove the
directories that it made, and at last the journal: the tree is as it was. What has been put in an
old place since, or replaced in a new one, is left and listed, and the journal stays. So it is with
what is gone, which may only have another name at the moment; once you know that it was deleted,
--forget-gone gives it up.

Exit codes: 0 all is back; 1 failed, and can be run again; 2 wrong usage; 3 something was left.`,
		Example: `  userscope migrate undo --root /claim/deer-flow

  # When all that it lists as gone was deleted on purpose
  userscope migrate undo --root /claim/deer-flow --forget-gone`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return options.run(cmd) },
	}
	options.addFlags(command)
	return command
}

// run undoes and prints what is left.
func (o *migrateUndoOptions) run(cmd *cobra.Command) error {
	if o.claim.root == "" {
		return errNoRoot
	}
	if err := o.pods.validate(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	policy, err := loadPolicy(o.policy)
	if err != nil {
		return failed(err)
	}
	if err := o.pods.run(ctx, policy); err != nil {
		return notBegun(ctx, err)
	}
	fs, err := openClaim(o.claim, "")
	if err != nil {
		return failed(err)
	}
	defer fs.Close()
	undone, err := migrate.Undo(ctx, fs, o.UndoOptions, newProgress(cmd.ErrOrStderr()).report)
	if undone == nil {
		return failed(err)
	}
	if undone.NoJournal {
		fmt.Fprintln(cmd.ErrOrStderr(), "There was no journal: an undo has ended before, an apply never moved anything, or somebody has removed it.")
	}
	if undone.ByPath > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "The filesystem has numbered its files anew since apply: %d of those that are back were known by their paths only.\n", undone.ByPath)
	}
	if err := errors.Join(err, printUndone(cmd.OutOrStdout(), undone, o.output)); err != nil {
		return failed(err)
	}
	if len(undone.Left) > 0 {
		return &exitError{code: exitUndecided}
	}
	return nil
}
