package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version string

// build is what version prints.
type build struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func versionCommand() *cobra.Command {
	var output outputFormat
	command := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  "Print Userscope's version, the Go version that built it, and its platform.",
		Example: `  userscope version
  userscope version -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := build{Version: buildVersion(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			var err error
			if output == outputJSON {
				err = printJSON(cmd.OutOrStdout(), b)
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "userscope %s %s %s\n", b.Version, b.Go, b.Platform)
			}
			return failed(err)
		},
	}
	output.addFlag(command)
	return command
}

// buildVersion is the linker's version or, in a binary that was built without one, what Go
// knows of the source that it was built from.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := readBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// readBuildInfo is exchanged by tests.
var readBuildInfo = debug.ReadBuildInfo
