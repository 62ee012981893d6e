package judge

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/controlplane"
)

// plainNamespace is where Pods are stored as they are without the webhook.
const plainNamespace = "without-userscope"

// HostPath is what has to become of a Pod whose user-data volume is a hostPath.
type HostPath string

// Either it is refused, or its volume becomes the claim.
const (
	HostPathRefused   HostPath = "refused"
	HostPathRewritten HostPath = "rewritten"
)

// hostPathRule is the rule that refuses such a Pod.
const hostPathRule = "user-data-volume"

// Judge judges Pods on a control plane whose Pods of DeerFlow's namespace go to the webhook.
type Judge struct {
	hostPath    HostPath
	provisioner dynamic.NamespaceableResourceInterface
	admin       dynamic.NamespaceableResourceInterface
}

// New prepares a control plane for judging.
func New(ctx context.Context, cluster *controlplane.ControlPlane, hostPath HostPath) (*Judge, error) {
	admin := cluster.Config(controlplane.Admin)
	client, err := kubernetes.NewForConfig(admin)
	if err != nil {
		return nil, err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: plainNamespace}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("create the namespace %s: %w", plainNamespace, err)
	}
	if err := cluster.AllowProvisioner(ctx, plainNamespace); err != nil {
		return nil, err
	}
	asAdmin, err := dynamic.NewForConfig(admin)
	if err != nil {
		return nil, err
	}
	asProvisioner, err := dynamic.NewForConfig(cluster.Config(controlplane.Provisioner))
	if err != nil {
		return nil, err
	}
	pods := corev1.SchemeGroupVersion.WithResource("pods")
	return &Judge{hostPath: hostPath, provisioner: asProvisioner.Resource(pods), admin: asAdmin.Resource(pods)}, nil
}

// Result is the judgement of one variant of one Pod.
type Result struct {
	File, Variant string
	// Problems is empty if the Pod came out right.
	Problems []string
}

// Folder judges every Pod of a folder with an index.json in every variant. An error means that
// the folder cannot be judged.
func (j *Judge) Folder(ctx context.Context, dir string) ([]Result, error) {
	entries, err := readIndex(dir)
	if err != nil {
		return nil, err
	}
	var results []Result
	for _, entry := range entries {
		var pod object
		if err := readJSON(filepath.Join(dir, entry.File), &pod); err != nil {
			return nil, err
		}
		for _, variant := range variants {
			if variant.claimOnly && entry.Mode == modeHostPath {
				continue
			}
			sent := deepCopy(pod)
			variant.change(sent, entry.identity())
			declare(sent, entry.identity())
			problems, err := j.pod(ctx, sent, entry)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", filepath.Join(dir, entry.File), variant.name, err)
			}
			results = append(results, Result{entry.File, variant.name, problems})
		}
	}
	return results, nil
}

// pod judges one Pod.
func (j *Judge) pod(ctx context.Context, sent object, entry Entry) ([]string, error) {
	plain, err := j.store(ctx, plainNamespace, sent)
	if err != nil {
		return nil, fmt.Errorf("without the webhook: %w", err)
	}
	stored, refusal := j.store(ctx, controlplane.Namespace, sent)
	return j.problems(entry, plain, stored, refusal), nil
}

// problems is what is wrong with what became of a Pod.
func (j *Judge) problems(entry Entry, plain, stored object, refusal error) []string {
	claimed := entry.Mode != modeHostPath
	switch {
	case !claimed && j.hostPath == HostPathRefused:
		return refusalProblems(refusal)
	case refusal != nil:
		return []string{refusal.Error()}
	default:
		return compare(plain, stored, entry.identity(), claimed)
	}
}

// refusalProblems is what is wrong with the answer to a Pod that has to be refused.
func refusalProblems(err error) []string {
	switch {
	case err == nil:
		return []string{"it was stored, and its user data is no claim"}
	case !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "denied the request: userscope: ") ||
		!strings.Contains(err.Error(), hostPathRule):
		return []string{fmt.Sprintf("not refused for %s, but: %v", hostPathRule, err)}
	default:
		return nil
	}
}

// store creates a Pod as the provisioner, reads it as the admin and deletes it.
func (j *Judge) store(ctx context.Context, namespace string, pod object) (object, error) {
	sent := &unstructured.Unstructured{Object: deepCopy(pod)}
	sent.SetNamespace(namespace)
	created, err := j.provisioner.Namespace(namespace).Create(ctx, sent, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	stored, err := j.admin.Namespace(namespace).Get(ctx, created.GetName(), metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	now := metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}
	if err := j.admin.Namespace(namespace).Delete(ctx, created.GetName(), now); err != nil {
		return nil, err
	}
	return stored.Object, nil
}
