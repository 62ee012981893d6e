// Command demo shows Userscope at work: it starts a real API server with the webhook, creates
// sandbox Pods as DeerFlow's provisioner does, with kubectl, and shows what was sent, what kubectl
// said and what was stored. It exits with 0 only if every Pod came out right.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
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
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	keep := flags.Bool("keep", false, "leave the API server and the webhook running until Ctrl-C")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return allRight
	case err != nil:
		return usage
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "demo: unexpected argument %q\n", flags.Arg(0))
		return usage
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	right, err := demo(ctx, newPrinter(stdout), *keep)
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "demo: interrupted")
		return failed
	case err != nil:
		fmt.Fprintln(stderr, "demo:", err)
		return failed
	case right < len(sandboxes):
		return someWrong
	default:
		return allRight
	}
}

// demo runs the demo and returns how many Pods came out right.
func demo(ctx context.Context, out *printer, keep bool) (right int, err error) {
	began := time.Now()
	out.line("Starting etcd, kube-apiserver and the webhook …")
	cluster, err := webhookprocess.StartCluster(ctx, controlplane.Options{}, webhookprocess.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	out.line("Ready after %.1f s. DeerFlow's provisioner creates %d Pods: kubectl create -f -", time.Since(began).Seconds(), len(sandboxes))

	for i := range sandboxes {
		s := &sandboxes[i]
		out.sandbox(i+1, s)
		o, err := create(ctx, cluster, s)
		if err != nil {
			return right, fmt.Errorf("%s: %w", s.Name, err)
		}
		problem := s.problem(&o)
		if problem == "" {
			right++
		}
		out.outcome(&o, problem)
	}

	verdict, colour := "PASS", green
	if right < len(sandboxes) {
		verdict, colour = "FAIL", red
	}
	out.line("\n%s: %d of %d Pods came out right (%.1f s)", out.paint(colour, verdict), right, len(sandboxes), time.Since(began).Seconds())
	if keep {
		out.keep(cluster)
		<-ctx.Done()
	}
	return right, nil
}

// keep says how to use what is left running.
func (p *printer) keep(cluster *webhookprocess.Cluster) {
	p.line("\n%s In another terminal:\n", p.paint(bold, "Running until Ctrl-C."))
	p.line("  export PATH=%s:$PATH", filepath.Dir(cluster.Kubectl()))
	p.line("  export KUBECONFIG=%s", cluster.Kubeconfig(controlplane.Provisioner))
	p.line("  %s", p.paint(faint, "# or, as the cluster's admin,"))
	p.line("  export KUBECONFIG=%s", cluster.Kubeconfig(controlplane.Admin))
	p.line("  kubectl get pods -o yaml")
}
