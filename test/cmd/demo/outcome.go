package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

// outcome is what became of a Pod.
type outcome struct {
	// kubectl is all that kubectl said.
	kubectl string
	// refused is whether it failed.
	refused bool
	// stored is the Pod as the admin reads it, nil if there is none.
	stored *corev1.Pod
}

// create creates a Pod as the provisioner, with kubectl, and reads it back as the admin.
func create(ctx context.Context, cluster *webhookprocess.Cluster, s *sandbox) (outcome, error) {
	manifest, err := s.manifest()
	if err != nil {
		return outcome{}, err
	}
	cmd := exec.CommandContext(ctx, cluster.Kubectl(), "--kubeconfig", cluster.Kubeconfig(controlplane.Provisioner), "create", "-f", "-")
	cmd.Stdin = bytes.NewReader(manifest)
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		return outcome{}, errors.Join(err, ctx.Err())
	}

	client, err := kubernetes.NewForConfig(cluster.Config(controlplane.Admin))
	if err != nil {
		return outcome{}, err
	}
	stored, err := client.CoreV1().Pods(controlplane.Namespace).Get(ctx, s.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		stored, err = nil, nil
	}
	return outcome{kubectl: strings.TrimSpace(string(said)), refused: exit != nil, stored: stored}, err
}

// subPath is the subPath of the stored Pod's user-data mount.
func (o *outcome) subPath() string {
	for _, mount := range o.stored.Spec.Containers[0].VolumeMounts {
		if mount.MountPath == "/mnt/user-data" {
			return mount.SubPath
		}
	}
	return ""
}

// stamps are the stored Pod's labels or annotations that say whose it is.
func stamps(entries map[string]string) map[string]string {
	found := map[string]string{}
	for _, key := range []string{"user-id", "thread-id", "userscope.dev/policies"} {
		if value, ok := entries[key]; ok {
			found[key] = value
		}
	}
	return found
}

// problem is what is wrong with the outcome; empty if it is right.
func (s *sandbox) problem(o *outcome) string {
	switch {
	case s.Rule != "" && o.stored != nil:
		return "it was stored, and had to be refused"
	case s.Rule != "" && !strings.Contains(o.kubectl, "userscope: "+s.Rule):
		return "it was not refused for " + s.Rule
	case s.Rule != "":
		return ""
	case o.refused || o.stored == nil:
		return "it was refused, and had to be stored"
	case o.subPath() != directory(s.Owner):
		return fmt.Sprintf("its subPath is %q, and had to be %q", o.subPath(), directory(s.Owner))
	case o.stored.Labels["user-id"] != s.Owner || o.stored.Annotations["user-id"] != s.Owner:
		return "it is not stamped as " + s.Owner + "'s"
	case o.subPath() != s.SubPath && !strings.Contains(o.kubectl, "Warning: "):
		return "its subPath changed, and kubectl did not warn of that"
	default:
		return ""
	}
}
