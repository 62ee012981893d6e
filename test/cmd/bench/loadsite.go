package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/kubernetes"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/kit/webhookprocess"
	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/test/suites/backstop"
)

// users is how many people share the sandboxes.
const users = 1000

// loadSite is a control plane with the chart's configuration, whose calls two webhooks share.
type loadSite struct {
	cluster  *controlplane.ControlPlane
	replicas []*webhookprocess.Webhook
	balancer *balancer
	template []byte
	policies []oracle.Policy
}

func startLoadSite(ctx context.Context) (*loadSite, error) {
	s := &loadSite{}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *loadSite) start(ctx context.Context) error {
	sent, err := readPods()
	if err != nil {
		return err
	}
	s.template = sent.sandbox
	file, err := repo.Path("manifests", deerflowPolicy)
	if err != nil {
		return err
	}
	if s.policies, err = oracle.Read(file); err != nil {
		return err
	}
	if s.cluster, err = controlplane.Start(ctx, controlplane.Options{}); err != nil {
		return err
	}
	for range 2 {
		replica, err := webhookprocess.Start(ctx, webhookprocess.Options{Policy: file})
		if err != nil {
			return err
		}
		s.replicas = append(s.replicas, replica)
	}
	if s.balancer, err = balance(s.replicas[0].Address, s.replicas[1].Address); err != nil {
		return err
	}
	return s.install(ctx, file)
}

// install installs the chart's configuration with its own timeouts.
func (s *loadSite) install(ctx context.Context, file string) error {
	policies, err := backstop.ReadPolicies(file)
	if err != nil {
		return err
	}
	objects, err := backstop.Render(ctx, policies)
	if err != nil {
		return err
	}
	admin, err := kubernetes.NewForConfig(s.cluster.Config(controlplane.Admin))
	if err != nil {
		return err
	}
	timeout := *objects.Mutating.Webhooks[0].TimeoutSeconds
	objects.Call(func(path string) admissionregistrationv1.WebhookClientConfig {
		return clientConfig(s.balancer.address(), path, slices.Concat(s.replicas[0].CA, s.replicas[1].CA))
	})
	*objects.Mutating.Webhooks[0].TimeoutSeconds = timeout
	if err := objects.InstallWebhooks(ctx, admin); err != nil {
		return err
	}
	// The backstop refuses what shows that the webhook is called.
	if err := webhookprocess.AwaitInForce(ctx, s.cluster); err != nil {
		return err
	}
	return objects.InstallPolicies(ctx, admin)
}

// stop ends everything, as far as it has begun.
func (s *loadSite) stop() error {
	var errs []error
	if s.cluster != nil {
		errs = append(errs, s.cluster.Stop())
	}
	for _, replica := range s.replicas {
		errs = append(errs, replica.Stop())
	}
	if s.balancer != nil {
		errs = append(errs, s.balancer.stop())
	}
	return errors.Join(errs...)
}

// sandbox is the number'th sandbox, and where it has to mount user data.
func (s *loadSite) sandbox(number int) (body []byte, subPath string) {
	user, thread := fmt.Sprintf("user-%04d", number%users), fmt.Sprintf("thread-%08d", number)
	id := sha256.Sum256([]byte(user + ":" + thread))
	body = s.template
	for _, part := range [][2]string{
		{"d2765d79afb81f49", hex.EncodeToString(id[:8])},
		{"/dora/", "/" + user + "/"},
		{"4be1a6b2-93d5-4c1c-8f6e-27d1a0c5e9b7", thread},
	} {
		body = bytes.ReplaceAll(body, []byte(part[0]), []byte(part[1]))
	}
	return body, "deer-flow/users/" + user + "/threads/" + thread + "/user-data"
}

// connect returns clients of the API server, as the provisioner.
func (s *loadSite) connect(n int) ([]*client, error) {
	config := s.cluster.Config(controlplane.Provisioner)
	clients := make([]*client, n)
	for i := range clients {
		var err error
		if clients[i], err = newClient(config.Host, config.BearerToken, config.CAData); err != nil {
			return nil, err
		}
	}
	return clients, nil
}
