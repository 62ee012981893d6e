package main

import (
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"userscope.dev/userscope/migrate"
)

func migrateProbeCommand() *cobra.Command {
	var flags claimFlags
	var output outputFormat
	command := &cobra.Command{
		Use:   "probe --root DIR",
		Short: "Tell whether the claim's filesystem can be migrated",
		Long: `Try what a migration rests on, in ROOT/.userscope-migrate: renames that replace nothing, numbers of
files that stay, locks, fsync, times and modes. Nothing lasts of it. Apply and undo do the same
before they move anything; by itself it is worth running before an upgrade is planned.

Exit codes: 0 the filesystem can be migrated; 1 it cannot, as said, or the probe failed; 2 wrong
usage.`,
		Example: `  userscope migrate probe --root /claim/deer-flow`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.root == "" {
				return errNoRoot
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			fs, err := openClaim(flags, "")
			if err != nil {
				return failed(err)
			}
			defer fs.Close()
			result, err := migrate.Probe(ctx, fs)
			if result != nil {
				err = errors.Join(err, printProbe(cmd.OutOrStdout(), result, output))
			}
			if err != nil {
				return failed(err)
			}
			if result.Problem != "" {
				return failed(errors.New(result.Problem))
			}
			return nil
		},
	}
	flags.addFlags(command, "that is to be the root of plan and apply")
	flags.addTakeLockOf(command)
	output.addFlag(command)
	return command
}

// probeResult is what migrate probe says. Its JSON is API.
type probeResult struct {
	Filesystem string       `json:"filesystem"`
	Checks     []probeCheck `json:"checks"`
	Problem    string       `json:"problem,omitempty"`
}

type probeCheck struct {
	Check string `json:"check"`
	Found string `json:"found"`
}

func printProbe(w io.Writer, result *migrate.ProbeResult, format outputFormat) error {
	if format == outputJSON {
		printed := probeResult{Filesystem: result.Type, Checks: []probeCheck{}, Problem: result.Problem}
		for _, finding := range result.Findings {
			printed.Checks = append(printed.Checks, probeCheck(finding))
		}
		return printJSON(w, printed)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "filesystem\t%s\n", result.Type)
	for _, finding := range result.Findings {
		fmt.Fprintf(table, "%s\t%s\n", finding.Check, finding.Found)
	}
	return table.Flush()
}
