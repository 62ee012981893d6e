package installation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"userscope.dev/userscope/test/kit/repo"
)

// Patience is how long is waited for what must happen: a machine may have much else to do.
const Patience = 3 * time.Minute

// Await waits until a condition holds: until there is nothing that keeps it from holding.
func Await(ctx context.Context, what string, condition func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, Patience, true, func(ctx context.Context) (bool, error) {
		last = condition(ctx)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("await %s: %w; last seen: %w", what, err, last)
	}
	return nil
}

// Install installs the chart, with further arguments of Helm, and returns when Userscope judges.
func (c *Cluster) Install(ctx context.Context, args ...string) error {
	chart, err := repo.Path("manifests", "chart")
	if err != nil {
		return err
	}
	args = append([]string{"install", "userscope", chart, "--create-namespace", "--set", "image.tag=" + userscopeTag}, args...)
	if _, err := c.RunHelm(ctx, args...); err != nil {
		return err
	}
	if _, err := c.RunKubectl(ctx, "label", "namespace", System, "pod-security.kubernetes.io/enforce=restricted"); err != nil {
		return err
	}
	if err := c.AwaitRollout(ctx); err != nil {
		return err
	}
	return Await(ctx, "the refusal of a sandbox that is nobody's", func(ctx context.Context) error {
		switch err := c.CreateNobodys(ctx); {
		case err == nil:
			return errors.New("it is taken")
		case !strings.Contains(err.Error(), "identity-missing"):
			return err
		}
		return nil
	})
}

// Upgrade applies the chart again, with the values of before and further arguments of Helm.
func (c *Cluster) Upgrade(ctx context.Context, args ...string) error {
	chart, err := repo.Path("manifests", "chart")
	if err != nil {
		return err
	}
	_, err = c.RunHelm(ctx, append([]string{"upgrade", "userscope", chart, "--reuse-values"}, args...)...)
	return err
}

// AwaitRollout waits until the webhook's replicas are those of the last upgrade, and ready.
func (c *Cluster) AwaitRollout(ctx context.Context) error {
	_, err := c.RunKubectl(ctx, "rollout", "status", "deployment/userscope-webhook", "-n", System, "--timeout="+Patience.String())
	return err
}

// Uninstall takes Userscope away, and returns when nobody judges any more.
func (c *Cluster) Uninstall(ctx context.Context) error {
	// As docs/install.md says.
	_, err := c.RunKubectl(ctx, "delete",
		"mutatingwebhookconfiguration,validatingwebhookconfiguration,validatingadmissionpolicy,validatingadmissionpolicybinding",
		"-l", "app.kubernetes.io/name=userscope")
	if err != nil {
		return err
	}
	if _, err := c.RunHelm(ctx, "uninstall", "userscope"); err != nil {
		return err
	}
	// First its Pods: a namespace that is deleted before looks for them but now and then.
	if _, err := c.RunKubectl(ctx, "wait", "--for=delete", "pods", "--all", "-n", System, "--timeout="+Patience.String()); err != nil {
		return err
	}
	if _, err := c.RunKubectl(ctx, "delete", "namespace", System); err != nil {
		return err
	}
	return Await(ctx, "a sandbox that nobody judges", c.CreateNobodys)
}

// CreateNobodys tries, as a dry run, a sandbox that does not say whose it is.
func (c *Cluster) CreateNobodys(ctx context.Context) error {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "nobodys", Labels: map[string]string{"app": "deer-flow-sandbox"}},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: "main", Image: "none", VolumeMounts: []corev1.VolumeMount{{Name: "user-data", MountPath: "/mnt/user-data"}},
			}},
			Volumes: []corev1.Volume{{Name: "user-data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: Claim},
			}}},
		},
	}
	_, err := c.Provisioner.CoreV1().Pods(Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// RunHelm runs Helm as the admin, in Userscope's namespace.
func (c *Cluster) RunHelm(ctx context.Context, args ...string) (string, error) {
	helm, err := repo.Path("bin", "helm")
	if err != nil {
		return "", err
	}
	return c.run(ctx, helm, append(args, "--namespace", System)...)
}

// RunKubectl runs kubectl as the admin.
func (c *Cluster) RunKubectl(ctx context.Context, args ...string) (string, error) {
	return c.run(ctx, c.Kubectl(), args...)
}

func (c *Cluster) run(ctx context.Context, program string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, program, args...)
	// Nothing of this machine's user: neither settings nor plugins.
	command.Env = []string{"KUBECONFIG=" + c.Kubeconfig(), "HOME=" + c.Dir, "PATH=/nonexistent"}
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, &out)
	}
	return out.String(), nil
}
