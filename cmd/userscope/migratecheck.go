package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"userscope.dev/userscope/migrate/inuse"
	"userscope.dev/userscope/webhook/policy"
)

// The environment variables by which a Pod that migrates tells which one it is, as the downward API
// sets them.
const (
	podNameVariable      = "POD_NAME"
	podNamespaceVariable = "POD_NAMESPACE"
)

// apiTimeout is how long an API server may take for one answer.
const apiTimeout = 30 * time.Second

// podCheck are the flags by which migrate looks whether Pods use the claim.
type podCheck struct {
	enabled    bool
	kubeconfig string
}

func (c *podCheck) addFlags(command *cobra.Command) {
	flags := command.Flags()
	flags.BoolVar(&c.enabled, "check-pods", false, "do not start while a Pod other than $POD_NAMESPACE/$POD_NAME uses the claim, or a workload would make one that does")
	flags.StringVar(&c.kubeconfig, "kubeconfig", "", "kubeconfig `FILE` for --check-pods (default: kubectl's, or the ServiceAccount of the Pod that it runs in)")
}

// validate tells what is wrong with the flags.
func (c *podCheck) validate() error {
	if c.kubeconfig != "" && !c.enabled {
		return errors.New("--kubeconfig: is for --check-pods, which is not there")
	}
	return nil
}

// run fails while anybody uses the policy's claim.
func (c *podCheck) run(ctx context.Context, p *policy.Policy) error {
	if !c.enabled {
		return nil
	}
	config, err := loadKubeconfig(c.kubeconfig)
	if err != nil {
		return fmt.Errorf("--check-pods: %w", err)
	}
	config.Timeout = apiTimeout
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("--check-pods: %w", err)
	}
	own := types.NamespacedName{Namespace: os.Getenv(podNamespaceVariable), Name: os.Getenv(podNameVariable)}
	if err := inuse.Check(ctx, client, p, own); err != nil {
		return fmt.Errorf("--check-pods: has not started:\n%w", err)
	}
	return nil
}
