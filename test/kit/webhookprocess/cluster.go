package webhookprocess

import (
	"context"
	"errors"

	"userscope.dev/userscope/test/kit/controlplane"
)

// Cluster is a control plane whose Pods of DeerFlow's namespace go to a webhook.
type Cluster struct {
	*controlplane.ControlPlane
	Webhook *Webhook
}

// StartCluster starts a control plane and a webhook, and returns when the one calls the other.
func StartCluster(ctx context.Context, options controlplane.Options, webhook Options) (*Cluster, error) {
	var c Cluster
	err := c.start(ctx, options, webhook)
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return &c, nil
}

func (c *Cluster) start(ctx context.Context, options controlplane.Options, webhook Options) (err error) {
	if c.Webhook, err = Start(ctx, webhook); err != nil { // first: it fails at once, if at all
		return err
	}
	if c.ControlPlane, err = controlplane.Start(ctx, options); err != nil {
		return err
	}
	return c.Webhook.Install(ctx, c.ControlPlane)
}

// Stop ends both.
func (c *Cluster) Stop() error {
	var errs []error
	if c.ControlPlane != nil {
		errs = append(errs, c.ControlPlane.Stop())
	}
	if c.Webhook != nil {
		errs = append(errs, c.Webhook.Stop())
	}
	return errors.Join(errs...)
}
