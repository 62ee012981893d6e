//go:build e2e

package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"

	"userscope.dev/userscope/test/kit/installation"
	"userscope.dev/userscope/test/kit/node"
)

var write = flag.Bool("write", false, "write the tables of docs/e2e.md")

// cluster is a node with DeerFlow.
type cluster struct {
	*installation.Cluster
	// debugger may add ephemeral containers.
	debugger kubernetes.Interface
}

// site is what all tests share, one after the other.
var site cluster

func TestMain(m *testing.M) {
	node.Main()
	flag.Parse()
	os.Exit(runTests(m))
}

func runTests(m *testing.M) (code int) {
	began := time.Now()
	var err error
	if err = site.start(context.Background()); err == nil {
		fmt.Printf("The node runs Pods after %.1f s\n", time.Since(began).Seconds())
		code = m.Run()
		if code != 0 {
			var dir string
			dir, err = site.KeepLogs(context.Background())
			fmt.Println("Logs, events and Pods are kept in", dir)
		}
	}
	if site.Cluster != nil {
		err = errors.Join(err, site.Stop())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func (c *cluster) start(ctx context.Context) (err error) {
	if c.Cluster, err = installation.Start(ctx); err != nil {
		return err
	}
	c.debugger, err = c.Account(ctx, "debugger", rbacv1.PolicyRule{
		APIGroups: []string{""}, Resources: []string{"pods", "pods/ephemeralcontainers"}, Verbs: []string{"get", "update"},
	})
	return err
}

// must ends a test that cannot go on.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refusal finds the rule in a message.
var refusal = regexp.MustCompile(`userscope: ([a-z-]+): `)

// isRefusal reports whether an error is a refusal by Userscope, and by which rule.
func isRefusal(err error) (rule string, ok bool) {
	if !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
		return "", false
	}
	found := refusal.FindStringSubmatch(err.Error())
	if found == nil {
		return "", false
	}
	return found[1], true
}
