package chart

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

// pod is the process of a Deployment's container, run as a kubelet would: with its volumes, its
// arguments and until it is ready by its own probes. Its files lie in a directory instead of at the
// container's root, the webhook's port is opened on the Service's ClusterIP, as nobody routes here,
// and the health port is one that is free.
type pod struct {
	*cleanup.Process
	container     corev1.Container
	healthAddress string
}

// run runs a Pod of a Deployment, with further arguments.
func (c cluster) run(t *testing.T, name string, further ...string) *pod {
	t.Helper()
	client := c.client(t, controlplane.Admin)
	deployment, err := client.AppsV1().Deployments(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	service, err := client.CoreV1().Services(namespace).Get(t.Context(), "userscope", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	root := c.mountVolumes(t, deployment)
	health, err := cleanup.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	program, err := webhookprocess.Binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &pod{container: deployment.Spec.Template.Spec.Containers[0], healthAddress: fmt.Sprintf("127.0.0.1:%d", health)}
	args := append(p.argumentsHere(root, service.Spec.ClusterIP), further...)
	if p.Process, err = cleanup.Start(root, program, args...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	for _, probe := range []*corev1.Probe{p.container.LivenessProbe, p.container.ReadinessProbe} {
		err := cleanup.AwaitReady(t.Context(), func(ctx context.Context) error { return p.probe(ctx, probe) }, p.Process)
		if err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// argumentsHere are the container's arguments for a process on this machine.
func (p *pod) argumentsHere(root, clusterIP string) []string {
	args := slices.Clone(p.container.Args)
	for i, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		switch {
		case name == "--listen":
			args[i] = name + "=" + clusterIP + value
		case name == "--listen-health":
			args[i] = name + "=" + p.healthAddress
		case strings.HasPrefix(value, "/"):
			args[i] = name + "=" + filepath.Join(root, value)
		}
	}
	return args
}

// mountVolumes writes the ConfigMaps and Secrets that a Deployment's container mounts below a
// directory. Like a kubelet it makes no Pod of a Secret that lacks an item.
func (c cluster) mountVolumes(t *testing.T, deployment *appsv1.Deployment) (root string) {
	t.Helper()
	root = t.TempDir()
	client, spec := c.client(t, controlplane.Admin).CoreV1(), deployment.Spec.Template.Spec
	for _, mount := range spec.Containers[0].VolumeMounts {
		dir := filepath.Join(root, mount.MountPath)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		volume := spec.Volumes[slices.IndexFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })]
		files := map[string][]byte{}
		switch {
		case volume.ConfigMap != nil:
			object, err := client.ConfigMaps(namespace).Get(t.Context(), volume.ConfigMap.Name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for key, text := range object.Data {
				files[key] = []byte(text)
			}
		case volume.Secret != nil:
			object, err := client.Secrets(namespace).Get(t.Context(), volume.Secret.SecretName, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range volume.Secret.Items {
				content, ok := object.Data[item.Key]
				if !ok {
					t.Fatalf("the volume %s waits for %s of the Secret %s", volume.Name, item.Key, object.Name)
				}
				files[item.Path] = content
			}
		default:
			t.Fatalf("the volume %s is of another type", volume.Name)
		}
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

// probe makes one HTTP request of a probe.
func (p *pod) probe(ctx context.Context, probe *corev1.Probe) error {
	port := slices.IndexFunc(p.container.Ports, func(port corev1.ContainerPort) bool { return port.Name == probe.HTTPGet.Port.StrVal })
	if port < 0 {
		return fmt.Errorf("the container has no port %s", probe.HTTPGet.Port.StrVal)
	}
	if !slices.Contains(p.container.Args, fmt.Sprintf("--listen-health=:%d", p.container.Ports[port].ContainerPort)) {
		return fmt.Errorf("the container does not listen on port %d", p.container.Ports[port].ContainerPort)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(probe.TimeoutSeconds)*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.healthAddress+probe.HTTPGet.Path, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", probe.HTTPGet.Path, response.Status)
	}
	return nil
}

// decisions returns how often the webhook has been asked.
func (p *pod) decisions(t *testing.T) int {
	t.Helper()
	response, err := http.Get("http://" + p.healthAddress + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	const metric = "userscope_decision_duration_seconds_count"
	sum := 0
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, metric) {
			continue
		}
		fields := strings.Fields(line)
		count, err := strconv.Atoi(fields[len(fields)-1])
		if err != nil {
			t.Fatal(err)
		}
		sum += count
	}
	if sum == 0 {
		t.Fatalf("no %s in:\n%s", metric, body)
	}
	return sum
}
