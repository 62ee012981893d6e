// Command bench measures what Userscope costs. On a real API server it creates the same Pod, as a dry run,
// in namespaces that differ in what judges the Pod: nothing, an empty webhook (the floor), Userscope's parts.
// The namespaces take turns many times a second, so that whatever else the machine does meets all of them,
// and what counts are ratios of one round.
//
//	bin/bench -rounds 3 -clients 1,8 -targets backstop,baseline -baseline HEAD~1
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
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
	reviews  int
	baseline string
	docs     string

	// sandboxes and burst, if there are any, are stored instead.
	sandboxes, burst int
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
	// The handler is measured as it logs by default, but that nobody reads it.
	ctrllog.SetLogger(logr.FromSlogHandler(slog.NewJSONHandler(io.Discard, nil)))
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
	flags.StringVar(&clients, "clients", "1,8,32", "`LIST` of how many clients send requests at once")
	flags.IntVar(&o.rounds, "rounds", 5, "how often to measure everything")
	flags.IntVar(&o.requests, "requests", 200, "how many requests to send in a round to each target, at least")
	flags.StringVar(&o.baseline, "baseline", "", "`REVISION` of the repository whose backstop is measured too")
	flags.IntVar(&o.reviews, "reviews", 100_000, "how many reviews to send before the webhook's memory is measured")
	flags.IntVar(&o.sandboxes, "sandboxes", 0, "how many sandboxes to store, with two replicas, instead of all else")
	flags.IntVar(&o.burst, "burst", 0, "how many sandboxes to create at the same moment, after those")
	flags.StringVar(&o.docs, "docs", "", "`DIR` to write bench.json, benchmarks.md and benchmarks.svg to")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.rounds < 1 || o.requests < 1 {
		return o, fmt.Errorf("-rounds %d, -requests %d: both must be positive", o.rounds, o.requests)
	}
	if o.reviews < 0 || o.sandboxes < 0 || o.burst < 0 || o.burst > 0 && o.sandboxes == 0 {
		return o, fmt.Errorf("-reviews %d, -sandboxes %d, -burst %d: none may be negative, and a burst follows sandboxes", o.reviews, o.sandboxes, o.burst)
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

// bench measures, prints the figures and writes the files.
func bench(ctx context.Context, o options, stdout io.Writer) error {
	if o.sandboxes == 0 {
		measured, err := measureAll(ctx, o, stdout)
		if err != nil {
			return err
		}
		printTable(stdout, measured)
		return write(o.docs, func(r *report) { measured.Load, *r = r.Load, *measured })
	}
	loaded, err := measureLoad(ctx, o.sandboxes, o.burst, stdout)
	if err != nil {
		return err
	}
	printLoad(stdout, &loaded)
	return errors.Join(write(o.docs, func(r *report) { r.Load = &loaded }), loaded.problem())
}

// measureAll measures everything but load.
func measureAll(ctx context.Context, o options, stdout io.Writer) (r *report, err error) {
	fmt.Fprintln(stdout, "Starting etcd, kube-apiserver, the webhook and an empty one …")
	s, err := startSite(ctx, o.baseline)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	targets := selected(s.targets, o.targets)
	samples, err := s.measure(ctx, o, targets, stdout)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(stdout, "Measuring the webhook alone, with %d reviews …\n", o.reviews)
	ofWebhook, err := s.measureOwn(ctx, o.reviews)
	if err != nil {
		return nil, err
	}
	r = newReport(summarize(targets, o.clients, samples), ofWebhook)
	r.Rounds, r.Requests, r.Baseline = o.rounds, o.requests, o.baseline
	r.Machine, r.Versions, err = describe(ctx, s.cluster)
	return r, err
}
