package controlplane

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"k8s.io/client-go/rest"

	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/pki"
)

// Options are what may differ between control planes. The zero value is a good one.
type Options struct {
	// Users are identities beside Admin and Provisioner.
	Users []User

	// ServiceAccountAdmission turns the admission plugin ServiceAccount on. It then refuses
	// Pods in namespaces whose ServiceAccount default does not exist, and nothing here
	// creates those. Without it Pods come out with fewer additions.
	ServiceAccountAdmission bool

	// ServiceCIDR are the addresses of Services, by default on loopback, so that the API
	// server reaches a webhook that listens on its Service's ClusterIP. Control planes
	// that run at once and use this need distinct ones.
	ServiceCIDR string

	// APIServerArgs are further arguments of kube-apiserver.
	APIServerArgs []string
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	// Dir holds all its files. Logs are etcd.log and kube-apiserver.log.
	Dir string

	options   Options
	binaries  binaries
	dir       *cleanup.Dir
	etcd      *cleanup.Process
	apiServer *cleanup.Process
	server    string
	ca        []byte
	tokens    map[string]string
	stop      sync.Once
	stopErr   error
}

// Start starts a control plane and returns when it is ready: the API server serves, DeerFlow's
// namespace exists and its provisioner has its rights. The context bounds the start only.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	if options.ServiceCIDR == "" {
		options.ServiceCIDR = "127.20.0.0/24"
	}
	found, err := findBinaries()
	if err != nil {
		return nil, err
	}
	var c *ControlPlane
	err = cleanup.Retry(func() error {
		c = &ControlPlane{options: options, binaries: found, tokens: map[string]string{}}
		if err := c.start(ctx); err != nil {
			return errors.Join(err, c.Stop())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("start the control plane: %w", err)
	}
	return c, nil
}

func (c *ControlPlane) start(ctx context.Context) error {
	dir, err := cleanup.MkdirTemp("userscope-controlplane-")
	if err != nil {
		return err
	}
	c.dir, c.Dir = dir, dir.Path

	if err := c.writeFiles(); err != nil {
		return err
	}
	if err := c.startEtcd(); err != nil {
		return err
	}
	if err := c.startAPIServer(ctx); err != nil {
		return err
	}
	return c.populate(ctx)
}

// writeFiles writes what the API server and its clients need.
func (c *ControlPlane) writeFiles() error {
	var err error
	if c.ca, err = pki.WriteServing(c.Dir, "127.0.0.1", "localhost"); err != nil {
		return err
	}
	if err := pki.WriteKey(c.file(serviceAccountKey)); err != nil {
		return err
	}
	return c.writeTokens()
}

// Kubectl is the path of kubectl.
func (c *ControlPlane) Kubectl() string { return c.binaries.kubectl }

// APIServerPID is the process id of kube-apiserver.
func (c *ControlPlane) APIServerPID() int { return c.apiServer.PID() }

// Config returns a client configuration for one of the users, without a rate limit and deaf to
// warnings. It panics if there is no such user.
func (c *ControlPlane) Config(user string) *rest.Config {
	return &rest.Config{
		Host:            c.server,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.ca},
		BearerToken:     c.token(user),
		QPS:             -1,
		WarningHandler:  rest.NoWarnings{},
	}
}

// Stop ends the control plane and removes its directory. Stopping twice is stopping once.
func (c *ControlPlane) Stop() error {
	c.stop.Do(func() {
		for _, process := range []*cleanup.Process{c.apiServer, c.etcd} {
			if process != nil {
				process.Kill() // nothing that it could save is wanted
			}
		}
		if c.dir != nil {
			c.stopErr = c.dir.Remove()
		}
	})
	return c.stopErr
}

func (c *ControlPlane) file(name string) string { return filepath.Join(c.Dir, name) }
