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
	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/policy/load"
)

// gcPercent is GOGC while migrate runs. The owners and the plan of 100,000 threads take 30 MB, all of which
// stays in use, and a Job has little memory: less garbage is worth some time of the second core.
const gcPercent = 15

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
	command.AddCommand(migratePlanCommand(), migrateApplyCommand(), migrateUndoCommand(), migrateProbeCommand())
	return command
}

// migrateOptions are the flags of migrate plan and migrate apply.
type migrateOptions struct {
	claim                  claimFlags
	legacy, policy, owners string
	migrate.Options
	pods   podCheck
	output outputFormat
}

func (o *migrateOptions) addFlags(command *cobra.Command) {
	flags := command.Flags()
	o.claim.addFlags(command, "that holds, or will hold, users/; on DeerFlow's claim its directory deer-flow")
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
or, for agents, the new layout ignores case, and two names differ in nothing else), elsewhere
(rename cannot move it, because its place is in another subvolume or quota project).

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
	options.claim.addTakeLockOf(command)
	return command
}

// run calls what plans or applies, and prints what it returns.
func (o *migrateOptions) run(cmd *cobra.Command, do func(context.Context, migrate.FS, migrate.Options, migrate.Progress) (*migrate.Plan, error)) error {
	if o.claim.root == "" {
		return errNoRoot
	}
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
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
	plan, err := do(ctx, fs, options, newProgress(cmd.ErrOrStderr()).report)
	if plan == nil {
		return failed(err)
	}
	name, _ := fs.LegacyName()
	return o.conclude(cmd.OutOrStdout(), plan, name, err)
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
		legacy = filepath.Join(o.claim.root, o.Layout.Legacy)
	}
	legacy, err := filepath.Abs(legacy)
	if err != nil {
		return nil, err
	}
	fs, err := openClaim(o.claim, legacy)
	if o.legacy == "" && errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: name the old tree with --legacy: the provisioner's own lay at the claim's root, beside deer-flow", err)
	}
	return fs, err
}

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
		loaded, err = load.Parse("deerflow.yaml", policies.DeerFlow)
	} else {
		loaded, err = load.File(file)
	}
	if err != nil {
		return nil, err
	}
	if len(loaded) != 1 {
		return nil, fmt.Errorf("%s: holds %d policies, each for a claim of its own: give a file with that of this claim alone", file, len(loaded))
	}
	return loaded[0], nil
}
