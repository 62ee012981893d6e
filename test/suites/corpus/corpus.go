package corpus

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

	"userscope.dev/userscope/test/kit/controlplane"
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

// Inspector judges Pods on a control plane whose Pods of DeerFlow's namespace go to the webhook.
type Inspector struct {
	hostPath    HostPath
	provisioner dynamic.NamespaceableResourceInterface
	admin       dynamic.NamespaceableResourceInterface
}

// New prepares a control plane for judging.
func New(ctx context.Context, cluster *controlplane.ControlPlane, hostPath HostPath) (*Inspector, error) {
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
	return &Inspector{hostPath: hostPath, provisioner: asProvisioner.Resource(pods), admin: asAdmin.Resource(pods)}, nil
}

// Result is the judgement of one variant of one Pod.
type Result struct {
	File, Variant string
	// Problems is empty if the Pod came out right.
	Problems []string
}

// Folder judges every Pod of a folder with an index.json in every variant. An error means that
// the folder cannot be judged.
func (i *Inspector) Folder(ctx context.Context, dir string) ([]Result, error) {
	entries, err := ReadIndex(dir)
	if err != nil {
		return nil, err
	}
	var results []Result
	for _, entry := range entries {
		var pod object
		if err := readJSON(filepath.Join(dir, entry.File), &pod); err != nil {
			return nil, err
		}
		for _, variant := range variantsOf(pod, entry) {
			problems, err := i.pod(ctx, pod, entry, variant)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", filepath.Join(dir, entry.File), variant.name, err)
			}
			results = append(results, Result{entry.File, variant.name, problems})
		}
	}
	return results, nil
}

// pod judges one variant of one Pod.
func (i *Inspector) pod(ctx context.Context, pod object, entry Entry, variant variant) ([]string, error) {
	sent := deepCopy(pod)
	variant.change(sent, entry.identity())
	if !variant.unlabelled {
		declare(sent, entry.identity())
	}
	rule := variant.rule
	if !entry.Claimed() && i.hostPath == HostPathRefused {
		rule = hostPathRule
	}
	if rule != "" {
		_, refusal := i.store(ctx, controlplane.Namespace, sent)
		return refusalProblems(rule, refusal), nil
	}

	plain, err := i.store(ctx, plainNamespace, sent)
	if MountsTwice(sent) { // then the API server refuses the Pod with and without the webhook
		_, governed := i.store(ctx, controlplane.Namespace, sent)
		return twiceProblems(err, governed), nil
	}
	if err != nil {
		return nil, fmt.Errorf("without the webhook: %w", err)
	}
	stored, err := i.store(ctx, controlplane.Namespace, sent)
	if err != nil {
		return []string{err.Error()}, nil //nolint:nilerr // a refusal is what the inspector reports, not a failure of its own
	}
	problems := compare(plain, stored, entry.identity(), entry.Claimed())
	if variant.unlabelled && entry.Claimed() { // it came right and stays as it came
		problems = append(problems, differences("spec", plain["spec"], stored["spec"])...)
	}
	return problems, nil
}

// refusalProblems is what is wrong with the answer to a Pod that has to be refused for a rule.
func refusalProblems(rule string, err error) []string {
	status := apierrors.IsForbidden
	if strings.HasPrefix(rule, "identity-") {
		status = apierrors.IsInvalid
	}
	switch {
	case err == nil:
		return []string{"it was stored, and had to be refused for " + rule}
	case !status(err) || !strings.Contains(err.Error(), "userscope: ") || !strings.Contains(err.Error(), " "+rule+": "):
		return []string{fmt.Sprintf("not refused for %s, but: %v", rule, err)}
	default:
		return nil
	}
}

// twiceProblems is what is wrong with the answers to a Pod that mounts something twice at one path:
// without the webhook, and with it.
func twiceProblems(plain, governed error) []string {
	var problems []string
	if !apierrors.IsInvalid(plain) || !strings.Contains(plain.Error(), "must be unique") {
		problems = append(problems, fmt.Sprintf("the API server does not refuse one mountPath twice, but: %v", plain))
	}
	if !apierrors.IsInvalid(governed) && !apierrors.IsForbidden(governed) {
		problems = append(problems, fmt.Sprintf("with the webhook: %v", governed))
	}
	return problems
}

// store creates a Pod as the provisioner, reads it as the admin and deletes it.
func (i *Inspector) store(ctx context.Context, namespace string, pod object) (object, error) {
	sent := &unstructured.Unstructured{Object: deepCopy(pod)}
	sent.SetNamespace(namespace)
	created, err := i.provisioner.Namespace(namespace).Create(ctx, sent, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	stored, err := i.admin.Namespace(namespace).Get(ctx, created.GetName(), metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	now := metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}
	if err := i.admin.Namespace(namespace).Delete(ctx, created.GetName(), now); err != nil {
		return nil, err
	}
	return stored.Object, nil
}
