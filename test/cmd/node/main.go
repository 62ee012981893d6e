// Command node is `make node`: it starts the tests' node, with DeerFlow's namespace and Userscope on it, and
// leaves it running until it is interrupted. With -check it only says whether a node can run on this machine.
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

	"userscope.dev/userscope/test/kit/installation"
	"userscope.dev/userscope/test/kit/node"
)

func main() {
	node.Main()
	os.Exit(start())
}

// start returns the exit code.
func start() int {
	check := flag.Bool("check", false, "say whether a node can run on this machine")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := node.MissingHere()
	if err == nil && !*check {
		err = run(ctx, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// run runs a node until the context ends.
func run(ctx context.Context, out io.Writer) (err error) {
	c, err := installation.Start(ctx)
	if c != nil {
		defer func() { err = errors.Join(err, c.Stop()) }()
	}
	if err != nil {
		return err
	}
	if err := c.Install(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, `A node runs, with Userscope on it. Its files are in %s:

  admin.kubeconfig                  may do everything
  deer-flow-provisioner.kubeconfig  is DeerFlow's provisioner
  log/, pods/                       logs of the node's programs and of containers
  disk/home                         what is on the claim deer-flow-home

  export KUBECONFIG=%s
  %s get pods -A

The image %s is there for sandboxes. Ctrl-C ends the node and removes all of it.
`, c.Dir, c.Kubeconfig(), c.Kubectl(), installation.ProbeImage)
	<-ctx.Done()
	return nil
}
