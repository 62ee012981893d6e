package installation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/node"
	"userscope.dev/userscope/test/kit/repo"
)

// Where DeerFlow and Userscope are.
const (
	Namespace = "deer-flow"
	Claim     = "deer-flow-home"
	System    = "userscope-system"
)

// ProbeImage is the image of the program of cmd/probe.
const ProbeImage = "userscope.dev/test/probe:1"

// The image of `make image`, as the chart names it but for the tag.
const (
	userscopeImage = "userscope.dev/userscope"
	userscopeTag   = "built"
)

// Cluster is a node with DeerFlow on it.
type Cluster struct {
	*node.Node
	// Admin may do everything. Provisioner is DeerFlow's, with its token and its Role.
	Admin, Provisioner kubernetes.Interface
}

// Start starts the node and puts on it what is there before Userscope. A cluster that could not be finished is
// returned with the error, and is to be stopped, too.
func Start(ctx context.Context) (*Cluster, error) {
	n, err := node.Start(ctx)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Node: n}
	err = c.populate(ctx)
	return c, err
}

func (c *Cluster) populate(ctx context.Context) error {
	config, err := c.Config()
	if err != nil {
		return err
	}
	if c.Admin, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	if err := c.importImages(ctx); err != nil {
		return err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}
	if _, err := c.Admin.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return err
	}
	// What DeerFlow's provisioner calls.
	c.Provisioner, err = c.Account(ctx, "deer-flow-provisioner", rbacv1.PolicyRule{
		APIGroups: []string{""}, Resources: []string{"pods", "services"}, Verbs: []string{"create", "delete", "get", "list"},
	})
	if err != nil {
		return err
	}
	return c.makeClaim(ctx)
}

func (c *Cluster) importImages(ctx context.Context) error {
	probe, err := repo.Path("bin", "node", "probe")
	if err != nil {
		return err
	}
	layout, err := repo.Path("bin", "image", "oci")
	if err != nil {
		return err
	}
	if err := c.ImportLayout(ctx, userscopeImage+":"+userscopeTag, layout); err != nil {
		return fmt.Errorf("the image of `make image`: %w", err)
	}
	return c.ImportProgram(ctx, ProbeImage, probe)
}

// Home is the directory of the claim, on the node and on this machine.
func (c *Cluster) Home() string { return filepath.Join(c.Disk(), "home") }

// makeClaim makes a PersistentVolume of a directory of the node's disk, of the kind that fsGroup acts on, and
// the claim that is bound to it.
func (c *Cluster) makeClaim(ctx context.Context) error {
	if err := os.Mkdir(c.Home(), 0o755); err != nil { //nolint:gosec // as the root of a volume
		return err
	}
	return c.Volume(ctx, Claim, corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: c.Home()}})
}

// Volume makes a PersistentVolume and a claim that is bound to it, both of this name.
func (c *Cluster) Volume(ctx context.Context, name string, source corev1.PersistentVolumeSource) error {
	capacity := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: capacity, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			ClaimRef:                      &corev1.ObjectReference{Namespace: Namespace, Name: name},
			PersistentVolumeSource:        source,
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node.Name},
				}},
			}}}},
		},
	}
	if _, err := c.Admin.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{}); err != nil {
		return err
	}
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: volume.Spec.AccessModes, VolumeName: name, StorageClassName: ptr.To(""),
			Resources: corev1.VolumeResourceRequirements{Requests: capacity},
		},
	}
	_, err := c.Admin.CoreV1().PersistentVolumeClaims(Namespace).Create(ctx, claim, metav1.CreateOptions{})
	return err
}

// RemovePods removes all Pods of DeerFlow's namespace, and returns when they are gone.
func (c *Cluster) RemovePods(ctx context.Context) error {
	pods := c.Admin.CoreV1().Pods(Namespace)
	err := pods.DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](1)}, metav1.ListOptions{})
	if err != nil {
		return err
	}
	return Await(ctx, "the end of all sandboxes", func(ctx context.Context) error {
		left, err := pods.List(ctx, metav1.ListOptions{})
		if err == nil && len(left.Items) > 0 {
			err = fmt.Errorf("%s is still there", left.Items[0].Name)
		}
		return err
	})
}

// KeepLogs keeps in bin/e2e what tells why something failed, and returns that directory.
func (c *Cluster) KeepLogs(ctx context.Context) (dir string, err error) {
	if dir, err = repo.Path("bin", "e2e"); err != nil {
		return "", err
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	problem := c.CopyLogs(dir)
	for _, kind := range []string{"pods", "events", "nodes"} {
		text, err := c.RunKubectl(ctx, "get", kind, "--all-namespaces", "-o", "yaml")
		if err != nil {
			text = err.Error()
		}
		problem = errors.Join(problem, os.WriteFile(filepath.Join(dir, kind+".yaml"), []byte(text), 0o600))
	}
	return dir, problem
}
