package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/policy/load"
)

func sandboxIDCommand() *cobra.Command {
	var id policy.Identity
	var keyFile string
	var digits int
	command := &cobra.Command{
		Use:   "sandbox-id --user USER --thread THREAD",
		Short: "Print the id that proves a user and thread",
		Long: `Print the sandbox id that proves whose sandbox a Pod is, so that the implementation in a
gateway can be checked against this one.

The id is the first hex digits of SHA-256 of "USER:THREAD" or, with --key-file, of HMAC-SHA256
of the same text under the key. A key is the content of its file less one newline at the end,
at least 32 bytes; of a directory the first file by name is taken.

Exit codes: 0 printed, 1 failed, 2 wrong usage.`,
		Example: `  userscope sandbox-id --user alice --thread thread-1
  userscope sandbox-id --user alice --thread thread-1 --key-file /etc/userscope/keys`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, half := range []struct {
				flag, id string
				most     int
			}{{"user", id.User, policy.MaxUserLength}, {"thread", id.Thread, policy.MaxThreadLength}} {
				if problem := (policy.IDRule{MaxLength: half.most}).Check(half.id); problem != "" {
					return fmt.Errorf("--%s %q: %s", half.flag, half.id, problem)
				}
			}
			if digits < policy.MinProofDigits || digits > policy.MaxProofDigits {
				return fmt.Errorf("--digits %d: must be %d to %d", digits, policy.MinProofDigits, policy.MaxProofDigits)
			}
			var key policy.Key
			if cmd.Flags().Changed("key-file") {
				if keyFile == "" {
					return errors.New("--key-file: is empty: name a file or a directory, or leave it out")
				}
				keys, err := load.ReadKeys(keyFile)
				if err != nil {
					return &exitError{exitFailed, fmt.Errorf("--key-file: %w", err)}
				}
				key = keys[0]
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), policy.SandboxID(id, key)[:digits])
			return failed(err)
		},
	}
	flags := command.Flags()
	flags.StringVar(&id.User, "user", "", "`USER` id (required)")
	flags.StringVar(&id.Thread, "thread", "", "`THREAD` id (required)")
	flags.StringVar(&keyFile, "key-file", "", "`FILE` of the gateway's key, or a directory of several")
	flags.IntVar(&digits, "digits", policy.MinProofDigits, "`NUMBER` of hex digits, 16 to 63")
	return command
}
