// Command probe is what runs in the sandboxes of the end-to-end tests. It looks for canaries, which are texts
// like CANARY-ABC, by every road that a process has: its own mounts, paths that lead out of them, links that
// it makes itself, other processes, their environments, and the API server. By the same roads it tries to write. It prints what it has found as one line of JSON, and then does as a sandbox does:
// it answers HTTP requests until it is ended.
//
//	probe -name NAME [-secret CANARY-…] [-link GOAL] [-once] PATH…
//
// The PATHs are those on the volume that others' canaries lie at.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Report is what a probe prints.
type Report struct {
	Name string
	// Read are the canaries that were found, each with the first road to it.
	Read map[string]string
	// Written are the roads by which something was written.
	Written []string
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var p probe
	flags := flag.NewFlagSet("probe", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&p.name, "name", "", "`NAME` of the sandbox, which stands in all that it writes")
	flags.StringVar(&p.secret, "secret", "", "`CANARY` of its own, which it puts into its user data")
	once := flags.Bool("once", false, "end after the report, as an init container does")
	flags.StringVar(&p.link, "link", "", "leave a link to this `GOAL` in each mount, for a Pod that comes later")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	p.targets = flags.Args()
	p.read = map[string]string{}
	p.look()
	if err := json.NewEncoder(stdout).Encode(Report{p.name, p.read, p.written}); err != nil {
		fmt.Fprintln(stderr, "probe:", err)
		return 1
	}
	if *once {
		return 0
	}
	if err := serve(); err != nil {
		fmt.Fprintln(stderr, "probe:", err)
		return 1
	}
	return 0
}

// serve answers the kubelet's questions until the process is to end.
func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: ":8080", ReadHeaderTimeout: 5 * time.Second}
	server.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	context.AfterFunc(ctx, func() { _ = server.Close() })
	err := server.ListenAndServe()
	if ctx.Err() != nil {
		return nil
	}
	if errors.Is(err, syscall.EADDRINUSE) { // a sidecar of another one
		<-ctx.Done()
		return nil
	}
	return err
}
