// Command bench measures what Userscope costs. On a real API server it creates the same Pod, as a dry run,
// in namespaces that differ in what judges the Pod: nothing, an empty webhook (the floor), Userscope's parts.
// The namespaces take turns many times a second, so that whatever else the machine does meets all of them,
// and what counts are ratios of one round.
//
//	bin/bench -rounds 3 -clients 1,8 -targets installed,backstop -baseline HEAD~1
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// The exit codes.
const (
	measured = iota
	failed
	usageError
)

// options are what the command line asks for.
type options struct {
	targets  []string // none: all
	clients  []int
	rounds   int
	requests int
	baseline string
	json     string
}

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) > 0 && args[0] == floorCommand {
		return exitCode(stderr, serveFloor(ctx, args[1:]))
	}
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return measured
	case err != nil:
		fmt.Fprintln(stderr, "bench:", err)
		return usageError
	}
	debug.SetGCPercent(400) // the client shares the machine with what it measures
	return exitCode(stderr, bench(ctx, o, stdout))
}

func exitCode(stderr io.Writer, err error) int {
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return failed
	}
	return measured
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var targets, clients string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&targets, "targets", "", "`LIST` of what to measure, besides none and floor; all if empty: "+strings.Join(targetNames(), ","))
	flags.StringVar(&clients, "clients", "1,8", "`LIST` of how many clients send requests at once")
	flags.IntVar(&o.rounds, "rounds", 5, "how often to measure everything")
	flags.IntVar(&o.requests, "requests", 200, "how many requests to send in a round to each target, at least")
	flags.StringVar(&o.baseline, "baseline", "", "`REVISION` of the repository whose backstop is measured too")
	flags.StringVar(&o.json, "json", "", "`FILE` to write the figures to")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.rounds < 1 || o.requests < 1 {
		return o, fmt.Errorf("-rounds %d, -requests %d: both must be positive", o.rounds, o.requests)
	}
	for number := range strings.SplitSeq(clients, ",") {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-clients: %q is not a positive number", number)
		}
		o.clients = append(o.clients, n)
	}
	if targets != "" {
		o.targets = strings.Split(targets, ",")
	}
	for _, name := range o.targets {
		if !slices.Contains(targetNames(), name) {
			return o, fmt.Errorf("-targets: no target %q: there are %s", name, strings.Join(targetNames(), ", "))
		}
	}
	if o.baseline == "" && slices.Contains(o.targets, baseline) {
		return o, fmt.Errorf("-targets: %s needs -baseline REVISION", baseline)
	}
	return o, nil
}

// bench measures, prints the table and writes the file.
func bench(ctx context.Context, o options, stdout io.Writer) (err error) {
	fmt.Fprintln(stdout, "Starting etcd, kube-apiserver, the webhook and an empty one …")
	s, err := startSite(ctx, o.baseline)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	targets := selected(s.targets, o.targets)
	samples, err := s.measure(ctx, o, targets, stdout)
	if err != nil {
		return err
	}
	report := newReport(summarize(targets, o.clients, samples))
	report.Rounds, report.Requests, report.Baseline = o.rounds, o.requests, o.baseline
	if report.Machine, report.Versions, err = s.describe(ctx); err != nil {
		return err
	}
	printTable(stdout, report)
	if o.json == "" {
		return nil
	}
	return report.write(o.json)
}
