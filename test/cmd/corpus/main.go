// Command corpus starts a control plane with the webhook, sends every Pod of the given folders
// through it, in several variants, and says which came out right. A folder needs an index.json
// as in test/suites/corpus/testdata.
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

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
	"userscope.dev/userscope/test/suites/corpus"
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
	flags := flag.NewFlagSet("corpus", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: corpus [flags] FOLDER…\n\nExit codes: 0 all Pods came out right, 1 some did not, 2 wrong usage, 3 failed.")
		flags.PrintDefaults()
	}
	hostPath := flags.String("hostpath", string(corpus.HostPathRewritten),
		"what has to become of a Pod whose user-data volume is a hostPath: refused or rewritten")
	verbose := flags.Bool("v", false, "also show what came out right")
	err := flags.Parse(args)
	switch expected := corpus.HostPath(*hostPath); {
	case errors.Is(err, flag.ErrHelp):
		return allRight
	case err != nil:
		return usage
	case expected != corpus.HostPathRefused && expected != corpus.HostPathRewritten:
		fmt.Fprintf(stderr, "corpus: -hostpath: %q is neither %s nor %s\n", expected, corpus.HostPathRefused, corpus.HostPathRewritten)
		return usage
	case flags.NArg() == 0:
		flags.Usage()
		return usage
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	results, err := judgeFolders(ctx, corpus.HostPath(*hostPath), flags.Args())
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "corpus: interrupted")
		return failed
	case err != nil:
		fmt.Fprintln(stderr, "corpus:", err)
		return failed
	default:
		return report(stdout, results, *verbose)
	}
}

func judgeFolders(ctx context.Context, hostPath corpus.HostPath, folders []string) (results []corpus.Result, err error) {
	cluster, err := webhookprocess.StartCluster(ctx, controlplane.Options{}, webhookprocess.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	j, err := corpus.New(ctx, cluster.ControlPlane, hostPath)
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
func report(stdout io.Writer, results []corpus.Result, verbose bool) int {
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
