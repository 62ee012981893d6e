package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"userscope.dev/userscope/manifests/policies"
	"userscope.dev/userscope/migrate"
	"userscope.dev/userscope/migrate/owners"
	"userscope.dev/userscope/webhook/config"
	"userscope.dev/userscope/webhook/policy"
)

// exitUndecided is the exit code of migrate when a person has something to decide.
const exitUndecided = 3

func migrateCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "migrate",
		Short: "Move a claim's old layout into the one that has users",
		Long: `Move the data of an installation that kept it by thread alone to where sandboxes look for it now,
by user and thread. Whatever happens meanwhile, nothing is lost: each thread moves with all that
is in it by one atomic rename, nothing is ever replaced, and a journal on the claim takes all of
it back.

It runs where the claim is mounted, at its own root, while nothing else uses it.
docs/migrate.md walks through an upgrade.`,
		Example: `  userscope migrate plan --root /claim/deer-flow --legacy /claim/threads --owners owners.csv
  userscope migrate apply --root /claim/deer-flow --legacy /claim/threads --owners owners.csv
  userscope migrate undo --root /claim/deer-flow`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(migratePlanCommand(), migrateApplyCommand(), migrateUndoCommand())
	return command
}

// migrateOptions are the flags of migrate plan and migrate apply.
type migrateOptions struct {
	root, legacy, policy, owners, takeLockOf string
	migrate.Options
	pods   podCheck
	output outputFormat
}

func (o *migrateOptions) addFlags(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&o.root, "root", "", "`DIR` that holds, or will hold, users/; on DeerFlow's claim its directory deer-flow (required)")
	flags.StringVar(&o.legacy, "legacy", "", "`DIR` that holds the old threads (default: the policy's, such as threads below the root)")
	flags.StringVar(&o.policy, "policy", "", "policy `FILE` whose layout to use (default: DeerFlow's)")
	flags.StringVar(&o.owners, "owners", "", "`SOURCE` that says whose each thread is: a CSV or JSON file, DeerFlow's deerflow.db, or postgres, whose URL is in $"+owners.DSNVariable+" (default: nobody's)")
	flags.StringVar(&o.Unowned, "unowned", "", "`USER` who gets the threads that nobody owns (default: leave them)")
	flags.BoolVar(&o.Park, "park-conflicts", false, "move threads whose new place is taken to migration-conflicts/ (default: leave them)")
	flags.StringVar(&o.SharedDataTo, "also", "", "`USER` who gets DeerFlow's agents, custom skills, memory.json and USER.md (default: leave them)")
	o.pods.addFlags(command)
	o.output.addFlag(command)
}

func migratePlanCommand() *cobra.Command {
	var options migrateOptions
	command := &cobra.Command{
		Use:   "plan --root DIR",
		Short: "Show what would move, and change nothing",
		Long: `Show what apply would move, what it would leave and why, and change nothing.

What is left has one of these statuses: conflict (its new place is taken), unowned, illegal (its
name or its owner's is no id), link (a symbolic link is where a directory must be), stray (it is
not what belongs there), foreign (another filesystem is mounted there), collision (the filesystem
or, for agents, the new layout ignores case, and two names differ in nothing else).

Exit codes: 0 all would move, or nothing is left to; 1 failed; 2 wrong usage; 3 something would be
left.`,
		Example: `  # The claim of a DeerFlow whose provisioner mounted threads/ at the claim's root
  userscope migrate plan --root /claim/deer-flow --legacy /claim/threads --owners owners.csv

  # What somebody must decide on
  userscope migrate plan --root /claim/deer-flow --owners owners.csv -o json | jq '.items[] | select(.status != "move")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return options.run(cmd, func(ctx context.Context, fs migrate.FS, options migrate.Options, _ migrate.Progress) (*migrate.Plan, error) {
				plan, err := migrate.NewPlan(ctx, fs, options)
				if err == nil && plan.CutShort {
					fmt.Fprintln(cmd.ErrOrStderr(), "The last run was cut short. Apply clears up behind it first, and conflicts that it left are gone then.")
				}
				return plan, err
			})
		},
	}
	options.addFlags(command)
	return command
}

func migrateApplyCommand() *cobra.Command {
	var options migrateOptions
	command := &cobra.Command{
		Use:   "apply --root DIR",
		Short: "Move what plan shows",
		Long: `Move what plan shows with the same flags.

A run that was interrupted, by whatever, is taken up by the next. A run that finds nothing to
do changes nothing. The journal in ROOT/.userscope-migrate knows all moves of all runs, and undo
takes them back.

Exit codes: 0 all has moved; 1 failed, and can be run again; 2 wrong usage; 3 all has moved but
what somebody must decide on.`,
		Example: `  userscope migrate apply --root /claim/deer-flow --legacy /claim/threads --owners owners.csv

  # With a user for what nobody owns, and the rest of DeerFlow's shared data
  userscope migrate apply --root /claim/deer-flow --owners owners.csv --unowned default --also default`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return options.run(cmd, migrate.Apply)
		},
	}
	options.addFlags(command)
	addTakeLockOf(command, &options.takeLockOf)
	return command
}

// addTakeLockOf adds the flag that gets past the lock of a Pod that died.
func addTakeLockOf(command *cobra.Command, value *string) {
	command.Flags().StringVar(value, "take-lock-of", "", "`HOST` whose run left its lock and has ended for sure, so that this one takes it")
}

// run calls what plans or applies, and prints what it returns.
func (o *migrateOptions) run(cmd *cobra.Command, do func(context.Context, migrate.FS, migrate.Options, migrate.Progress) (*migrate.Plan, error)) error {
	if o.root == "" {
		return errNoRoot
	}
	// A Job has little memory, and a claim may have many threads: of the owners all is kept.
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	if err := o.pods.validate(); err != nil {
		return err
	}
	p, err := loadPolicy(o.policy)
	if err != nil {
		return failed(err)
	}
	if o.Layout, err = migrate.NewLayout(p); err != nil {
		return failed(err)
	}
	if err := o.Check(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := o.pods.run(ctx, p); err != nil {
		return notBegun(ctx, err)
	}
	fs, err := o.open()
	if err != nil {
		return failed(err)
	}
	defer fs.Close()
	options := o.Options // which o does not keep: once there is a plan, nobody needs the owners
	if o.owners != "" {
		if options.Owners, err = owners.Load(ctx, o.owners); err != nil {
			return notBegun(ctx, err)
		}
	}
	defer limitMemory(len(options.Owners))()
	plan, err := do(ctx, fs, options, newProgress(cmd.ErrOrStderr()).report)
	if plan == nil {
		return failed(err)
	}
	name, _ := fs.LegacyName()
	return o.conclude(cmd.OutOrStdout(), plan, name, err)
}

// limitMemory lets garbage lie until the process has what it takes to plan for so many threads: much
// is kept while that is done, little later, and a tenth of it is soon full. The function that it
// returns takes the limit back.
func limitMemory(threads int) (restore func()) {
	const least, each = 36 << 20, 360 // bytes; a thread takes some 270 with its owner
	percent, limit := debug.SetGCPercent(200), debug.SetMemoryLimit(max(least, int64(threads)*each))
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// notBegun makes an error of what comes before the migration the command's end. What failed because a
// signal came is of no interest.
func notBegun(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = errors.New("interrupted before it looked at the claim: nothing has moved")
	}
	return failed(err)
}

// open opens the claim. There must be an old tree: an empty plan of a mistaken root looks like a
// migration that is done.
func (o *migrateOptions) open() (*claimHandle, error) {
	legacy := o.legacy
	if legacy == "" {
		legacy = filepath.Join(o.root, o.Layout.Legacy)
	}
	legacy, err := filepath.Abs(legacy)
	if err != nil {
		return nil, err
	}
	fs, err := openClaim(o.root, legacy, o.takeLockOf)
	if o.legacy == "" && errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: name the old tree with --legacy: the provisioner's own lay at the claim's root, beside deer-flow", err)
	}
	return fs, err
}

var errNoRoot = errors.New("--root: name the directory that holds, or will hold, users/")

// conclude prints a plan and makes of it, and of how the run ended, the command's end.
func (o *migrateOptions) conclude(stdout io.Writer, plan *migrate.Plan, legacy string, err error) error {
	if printed := printPlan(stdout, plan, legacy, o.output); printed != nil {
		err = errors.Join(err, printed)
	}
	refused := plan.Count(func(s migrate.Status) bool { return s == migrate.Failed })
	switch {
	case err != nil:
		return failed(err)
	case refused > 0:
		return failed(fmt.Errorf("%d could not be moved: see why, and run it again", refused))
	case plan.Count(migrate.Status.Undecided) > 0:
		return &exitError{code: exitUndecided}
	default:
		return nil
	}
}

// loadPolicy reads the policy of the claim: DeerFlow's, if no file is named.
func loadPolicy(file string) (*policy.Policy, error) {
	var loaded policy.Policies
	var err error
	if file == "" {
		loaded, err = config.Parse("deerflow.yaml", policies.DeerFlow)
	} else {
		loaded, err = config.Load(file)
	}
	if err != nil {
		return nil, err
	}
	if len(loaded) != 1 {
		return nil, fmt.Errorf("%s: holds %d policies, each for a claim of its own: give a file with that of this claim alone", file, len(loaded))
	}
	return loaded[0], nil
}

func migrateUndoCommand() *cobra.Command {
	var root, policyFile, takeLockOf string
	var options migrate.UndoOptions
	var pods podCheck
	var output outputFormat
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
		RunE: func(cmd *cobra.Command, _ []string) error {
			if root == "" {
				return errNoRoot
			}
			if err := pods.validate(); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			claimed, err := loadPolicy(policyFile)
			if err != nil {
				return failed(err)
			}
			if err := pods.run(ctx, claimed); err != nil {
				return notBegun(ctx, err)
			}
			fs, err := openClaim(root, "", takeLockOf)
			if err != nil {
				return failed(err)
			}
			defer fs.Close()
			undone, err := migrate.Undo(ctx, fs, options, newProgress(cmd.ErrOrStderr()).report)
			if undone == nil {
				return failed(err)
			}
			if undone.NoJournal {
				fmt.Fprintln(cmd.ErrOrStderr(), "There was no journal: an undo has ended before, an apply never moved anything, or somebody has removed it.")
			}
			if err := errors.Join(err, printUndone(cmd.OutOrStdout(), undone, output)); err != nil {
				return failed(err)
			}
			if len(undone.Left) > 0 {
				return &exitError{code: exitUndecided}
			}
			return nil
		},
	}
	command.Flags().StringVar(&root, "root", "", "`DIR` that was the root of apply (required)")
	command.Flags().BoolVar(&options.ForgetGone, "forget-gone", false, "give up what is neither at its new place nor at its old one (default: list it, and keep the journal)")
	command.Flags().StringVar(&policyFile, "policy", "", "policy `FILE` that names the claim for --check-pods (default: DeerFlow's)")
	addTakeLockOf(command, &takeLockOf)
	pods.addFlags(command)
	output.addFlag(command)
	return command
}
