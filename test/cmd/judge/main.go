// Command judge starts a control plane with the webhook, sends every Pod of the given folders
// through it, in several variants, and says which came out right. A folder needs an index.json
// as in test/judge/testdata.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"userscope.dev/userscope/test/controlplane"
	"userscope.dev/userscope/test/judge"
	"userscope.dev/userscope/test/userscope"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// The exit codes.
const (
	allRight = iota
	someWrong
	usage
	failed
)

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("judge", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: judge [flags] FOLDER…\n\nExit codes: 0 all Pods came out right, 1 some did not, 2 wrong usage, 3 failed.")
		flags.PrintDefaults()
	}
	hostPath := flags.String("hostpath", string(judge.HostPathRewritten),
		"what has to become of a Pod whose user-data volume is a hostPath: refused or rewritten")
	verbose := flags.Bool("v", false, "also show what came out right")
	err := flags.Parse(args)
	switch expected := judge.HostPath(*hostPath); {
	case errors.Is(err, flag.ErrHelp):
		return allRight
	case err != nil:
		return usage
	case expected != judge.HostPathRefused && expected != judge.HostPathRewritten:
		fmt.Fprintf(stderr, "judge: -hostpath: %q is neither %s nor %s\n", expected, judge.HostPathRefused, judge.HostPathRewritten)
		return usage
	case flags.NArg() == 0:
		flags.Usage()
		return usage
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	results, err := judgeFolders(ctx, judge.HostPath(*hostPath), flags.Args())
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "judge: interrupted")
		return failed
	case err != nil:
		fmt.Fprintln(stderr, "judge:", err)
		return failed
	default:
		return report(stdout, results, *verbose)
	}
}

func judgeFolders(ctx context.Context, hostPath judge.HostPath, folders []string) (results []judge.Result, err error) {
	cluster, err := userscope.StartCluster(ctx, controlplane.Options{}, userscope.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	j, err := judge.New(ctx, cluster.ControlPlane, hostPath)
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		more, err := j.Folder(ctx, folder)
		if err != nil {
			return nil, err
		}
		results = append(results, more...)
	}
	return results, nil
}

// report prints the results and returns the exit code.
func report(stdout io.Writer, results []judge.Result, verbose bool) int {
	right, files := 0, map[string]bool{}
	for _, result := range results {
		files[result.File] = true
		if len(result.Problems) == 0 {
			right++
			if verbose {
				fmt.Fprintf(stdout, "right  %s: %s\n", result.File, result.Variant)
			}
			continue
		}
		fmt.Fprintf(stdout, "WRONG  %s: %s\n", result.File, result.Variant)
		for _, problem := range result.Problems {
			fmt.Fprintf(stdout, "         %s\n", problem)
		}
	}
	if right < len(results) {
		fmt.Fprintf(stdout, "FAIL: %d of %d variants of %d Pods came out right\n", right, len(results), len(files))
		return someWrong
	}
	fmt.Fprintf(stdout, "PASS: all %d variants of %d Pods came out right\n", right, len(files))
	return allRight
}
