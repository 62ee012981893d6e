//go:build e2e

package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// parentVariable tells this program to start a node, to print its directory, and to wait for its end.
const parentVariable = "USERSCOPE_TEST_PARENT"

func TestMain(m *testing.M) {
	Main()
	if os.Getenv(parentVariable) != "" {
		n, err := Start(context.Background())
		if err == nil {
			err = runPod(context.Background(), n)
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(n.Dir)
		select {}
	}
	os.Exit(m.Run())
}

// runPod runs a Pod of the image that is there, and returns when it does.
func runPod(ctx context.Context, n *Node) error {
	client, err := client(n)
	if err != nil {
		return err
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "pod"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: pause}}},
	}
	if _, err := client.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return err
	}
	return awaitRunning(ctx, client)
}

func client(n *Node) (kubernetes.Interface, error) {
	config, err := n.Config()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// awaitRunning waits until the Pod runs.
func awaitRunning(ctx context.Context, client kubernetes.Interface) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		pod, err := client.CoreV1().Pods("default").Get(ctx, "pod", metav1.GetOptions{})
		return err == nil && pod.Status.Phase == corev1.PodRunning, err
	})
}

// Killed, the program that started a node takes all of it along.
func TestNothingIsLeft(t *testing.T) {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), parentVariable+"=1")
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	dir := strings.TrimSpace(line)
	if err != nil || !filepath.IsAbs(dir) {
		t.Fatalf("the program said %q, %v", line, err)
	}
	if err := remains(dir); err == nil {
		t.Fatal("nothing is seen of a node that runs")
	}
	if err := command.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // it was killed

	var last error
	err = wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		last = remains(dir)
		return last == nil, nil
	})
	if err != nil {
		t.Error(last)
	}
}

// remains says what is there of a node: its directory, processes, mounts on this machine, cgroups.
func remains(dir string) error {
	var found []error
	if _, err := os.Lstat(dir); err == nil {
		found = append(found, errors.New(dir))
	}
	name := filepath.Base(dir)
	for _, pattern := range []string{"/proc/[0-9]*/cgroup", "/proc/self/mounts"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, file := range files {
			// A process may end meanwhile.
			if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), name) {
				found = append(found, fmt.Errorf("%s names %s", file, name))
			}
		}
	}
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range all {
		path := filepath.Join(h.Place, h.Below, name)
		if _, err := os.Lstat(path); err == nil {
			found = append(found, errors.New(path))
		}
	}
	return errors.Join(found...)
}

// A node that is started again has the Pods of before, in new containers, and reaches its programs' logs.
func TestRestart(t *testing.T) {
	n, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := runPod(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	client, err := client(n)
	if err != nil {
		t.Fatal(err)
	}
	before := containerID(t, client)

	if err := n.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	var id string
	err = wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		id = containerID(t, client)
		return id != before && id != "", nil
	})
	if err != nil {
		t.Errorf("the Pod's container is %q still", id)
	}

	out, err := n.Exec(t.Context(), "hostname")
	if err != nil || strings.TrimSpace(out) != Name {
		t.Errorf("hostname: %q, %v", out, err)
	}
	logs := t.TempDir()
	if err := n.CopyLogs(logs); err != nil {
		t.Error(err)
	}
	for _, p := range n.commands() {
		if _, err := os.Stat(filepath.Join(logs, "programs", p.Name+".log")); err != nil {
			t.Error(err)
		}
	}
}

// containerID is the Pod's running container.
func containerID(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	pod, err := client.CoreV1().Pods("default").Get(t.Context(), "pod", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.State.Running != nil {
			return status.ContainerID
		}
	}
	return ""
}
