package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// completionCommand stands in for cobra's, which takes an unknown shell for a success.
func completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that completes userscope's commands and flags",
		Long: `Print a script that completes userscope's commands and flags in a shell: bash, zsh, fish or
powershell.`,
		Example: `  source <(userscope completion bash)
  userscope completion fish > ~/.config/fish/completions/userscope.fish`,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells, args[0]) {
				return fmt.Errorf("SHELL: name one of %s", strings.Join(shells, ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return failed(root.GenBashCompletionV2(out, true))
			case "zsh":
				return failed(root.GenZshCompletion(out))
			case "fish":
				return failed(root.GenFishCompletion(out, true))
			default:
				return failed(root.GenPowerShellCompletionWithDesc(out))
			}
		},
	}
}
