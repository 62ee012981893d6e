package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/policy/load"
)

func sandboxIDCommand() *cobra.Command {
	var id policy.Identity
	var keyFile, proofOf string
	var digits int
	command := &cobra.Command{
		Use:   "sandbox-id --user USER [--thread THREAD]",
		Short: "Print the id that proves a user and thread",
		Long: `Print the sandbox id that proves whose sandbox a Pod is, so that the implementation in a
gateway can be checked against this one.

The id is the first hex digits of SHA-256 of "USER:THREAD", or of the text that --proof-of makes of
them. With --key-file it is of HMAC-SHA256 of the same text under the key. A key is the content of
its file less one newline at the end, at least 32 bytes; of a directory the first file by name is
taken.

Exit codes: 0 printed, 1 failed, 2 wrong usage.`,
		Example: `  userscope sandbox-id --user alice --thread thread-1
  userscope sandbox-id --user alice --thread thread-1 --key-file /etc/userscope/keys
  userscope sandbox-id --user alice --proof-of '{user}'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := proofText(proofOf, id)
			if err != nil {
				return err
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
			_, err = fmt.Fprintln(cmd.OutOrStdout(), policy.SandboxID(text, key)[:digits])
			return failed(err)
		},
	}
	flags := command.Flags()
	flags.StringVar(&id.User, "user", "", "`USER` id (required)")
	flags.StringVar(&id.Thread, "thread", "", "`THREAD` id (required where TEXT has a thread)")
	flags.StringVar(&proofOf, "proof-of", policy.DefaultProofText(true).String(), "`TEXT` that is hashed, as in the policy's proofOf")
	flags.StringVar(&keyFile, "key-file", "", "`FILE` of the gateway's key, or a directory of several")
	flags.IntVar(&digits, "digits", policy.MinProofDigits, "`NUMBER` of hex digits, 16 to 63")
	return command
}

// proofText returns the text of an identity that a sandbox id is the hash of.
func proofText(proofOf string, id policy.Identity) (string, error) {
	threads := strings.Contains(proofOf, "{thread}")
	template, err := policy.ParseProofText(proofOf, threads)
	if err != nil {
		return "", fmt.Errorf("--proof-of %q: %w", proofOf, err)
	}
	check := func(flag, id string, most int) error {
		if problem := (policy.IDRule{MaxLength: most, Characters: policy.IDCharacters}).Check(id); problem != "" {
			return fmt.Errorf("--%s %q: %s", flag, id, problem)
		}
		return nil
	}
	if err := check("user", id.User, policy.MaxUserLength); err != nil {
		return "", err
	}
	if !threads && id.Thread != "" {
		return "", fmt.Errorf("--thread %q: has no place in --proof-of %q", id.Thread, proofOf)
	}
	if threads {
		if err := check("thread", id.Thread, policy.MaxThreadLength); err != nil {
			return "", err
		}
	}
	text, _ := template.Of(id)
	return text, nil
}
