// Package inuse finds who uses a policy's data in a cluster, so that a migration does not move it
// under somebody's feet: what a running sandbox writes during the move, it writes to the old
// place or to the new one by chance. It imports policy and nothing else of Userscope.
//
// A Pod uses the data if a volume of it is the claim, a clone of it, or a hostPath that is one of
// the policy's bases, lies below one, or holds one. Whether any container mounts the volume does
// not matter: the kubelet does. Pods that have ended (Succeeded, Failed) use nothing.
//
// Workloads whose Pods would use the data are found too, even if none of their Pods is there now:
// Deployments, ReplicaSets, ReplicationControllers and StatefulSets with replicas, DaemonSets, and
// Jobs and CronJobs that are neither suspended nor complete, also if something else controls them.
// Their controllers make a Pod at any moment. Who creates Pods by itself, as DeerFlow's provisioner
// does, cannot be found.
package inuse

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"userscope.dev/userscope/webhook/policy"
)

// maxListed is how many Pods and workloads an error lists. More of them are counted.
const maxListed = 20

// search is one look at a cluster.
type search struct {
	client kubernetes.Interface
	policy *policy.Policy
	own    types.NamespacedName
	// ownController is what controls the Pod own; nil if nothing does.
	ownController *metav1.OwnerReference

	found []error
	more  int
}

// Check looks at all Pods and workloads of the policy's namespaces, except the Pod own, if it is
// named, and what controls it. It returns an error with a line for each one that uses the data,
// or why it could not look.
func Check(ctx context.Context, client kubernetes.Interface, p *policy.Policy, own types.NamespacedName) error {
	s := &search{client: client, policy: p, own: own}
	for _, namespace := range p.Namespaces {
		if err := s.pods(ctx, namespace); err != nil {
			return err
		}
	}
	for _, namespace := range p.Namespaces {
		if err := s.workloads(ctx, namespace); err != nil {
			return err
		}
	}
	if s.more > 0 {
		s.found = append(s.found, fmt.Errorf("and %d more", s.more))
	}
	return errors.Join(s.found...)
}

func (s *search) add(format string, args ...any) {
	if len(s.found) == maxListed {
		s.more++
		return
	}
	s.found = append(s.found, fmt.Errorf(format, args...))
}

// pods looks at the Pods of a namespace.
func (s *search) pods(ctx context.Context, namespace string) error {
	return each(ctx, "pods", namespace, s.client.CoreV1().Pods(namespace).List, func(pod *corev1.Pod) {
		controller := metav1.GetControllerOf(pod)
		if s.own.Name == pod.Name && s.own.Namespace == pod.Namespace {
			s.ownController = controller
			return
		}
		use := uses(s.policy, &pod.Spec)
		if use == "" || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			return
		}
		by, remedy := "nothing controls it", "delete it"
		if controller != nil {
			by, remedy = fmt.Sprintf("of %s %s", controller.Kind, controller.Name), "stop that"
		}
		s.add("Pod %s/%s (%s, %s): %s: %s, and wait until the Pod is gone", pod.Namespace, pod.Name, pod.Status.Phase, by, use, remedy)
	})
}
