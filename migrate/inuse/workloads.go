package inuse

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/pager"
)

// workloads looks at what would make Pods in a namespace.
func (s *search) workloads(ctx context.Context, namespace string) error {
	apps, batch := s.client.AppsV1(), s.client.BatchV1()
	for _, look := range []func() error{
		func() error {
			return each(ctx, "deployments", namespace, apps.Deployments(namespace).List, func(d *appsv1.Deployment) {
				s.replicated("deployment", d, d.Spec.Replicas, &d.Spec.Template)
			})
		},
		func() error {
			return each(ctx, "replicasets", namespace, apps.ReplicaSets(namespace).List, func(r *appsv1.ReplicaSet) {
				s.replicated("replicaset", r, r.Spec.Replicas, &r.Spec.Template)
			})
		},
		func() error {
			return each(ctx, "replicationcontrollers", namespace, s.client.CoreV1().ReplicationControllers(namespace).List, func(r *corev1.ReplicationController) {
				if r.Spec.Template != nil {
					s.replicated("replicationcontroller", r, r.Spec.Replicas, r.Spec.Template)
				}
			})
		},
		func() error {
			return each(ctx, "statefulsets", namespace, apps.StatefulSets(namespace).List, func(set *appsv1.StatefulSet) {
				s.replicated("statefulset", set, set.Spec.Replicas, withClaims(set))
			})
		},
		func() error {
			return each(ctx, "daemonsets", namespace, apps.DaemonSets(namespace).List, func(d *appsv1.DaemonSet) {
				s.workload("daemonset", d, &d.Spec.Template, "delete it, and create it again afterwards")
			})
		},
		func() error {
			return each(ctx, "jobs", namespace, batch.Jobs(namespace).List, func(j *batchv1.Job) {
				if !suspended(j.Spec.Suspend) && !ended(j) {
					s.workload("job", j, &j.Spec.Template, suspend("job", j))
				}
			})
		},
		func() error {
			return each(ctx, "cronjobs", namespace, batch.CronJobs(namespace).List, func(c *batchv1.CronJob) {
				if !suspended(c.Spec.Suspend) {
					s.workload("cronjob", c, &c.Spec.JobTemplate.Spec.Template, suspend("cronjob", c))
				}
			})
		},
	} {
		if err := look(); err != nil {
			return err
		}
	}
	return nil
}

// replicated looks at a workload that makes as many Pods as it has replicas.
func (s *search) replicated(kind string, object metav1.Object, replicas *int32, template *corev1.PodTemplateSpec) {
	if replicas != nil && *replicas == 0 {
		return
	}
	s.workload(kind, object, template, fmt.Sprintf("kubectl scale -n %s %s/%s --replicas=0", object.GetNamespace(), kind, object.GetName()))
}

// workload looks at one that is at work. The ReplicaSets of a Deployment are for that to stop.
// Whatever else controls one may not be known here, or may have stopped without stopping it, as a
// suspended CronJob does with its Jobs.
func (s *search) workload(kind string, object metav1.Object, template *corev1.PodTemplateSpec, remedy string) {
	controller := metav1.GetControllerOf(object)
	if controller != nil && controller.Kind == "Deployment" && strings.HasPrefix(controller.APIVersion, "apps/") ||
		s.ownController != nil && s.ownController.UID == object.GetUID() {
		return
	}
	if controller != nil {
		remedy = fmt.Sprintf("%s, if %s %s, which controls it, does not", remedy, controller.Kind, controller.Name)
	}
	if use := uses(s.policy, &template.Spec); use != "" {
		s.add("%s %s/%s: makes Pods of which each uses the data: %s: %s", kind, object.GetNamespace(), object.GetName(), use, remedy)
	}
}

// withClaims returns a set's template with the claims of its Pods as volumes, as the set's controller
// adds them: each Pod has its own, which is named after template, set and ordinal.
func withClaims(set *appsv1.StatefulSet) *corev1.PodTemplateSpec {
	template := set.Spec.Template.DeepCopy()
	first, replicas := int32(0), int32(1)
	if set.Spec.Ordinals != nil {
		first = set.Spec.Ordinals.Start
	}
	if set.Spec.Replicas != nil {
		replicas = *set.Spec.Replicas
	}
	for _, claim := range set.Spec.VolumeClaimTemplates {
		for ordinal := first; ordinal < first+replicas; ordinal++ {
			volume := corev1.Volume{Name: claim.Name}
			volume.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: fmt.Sprintf("%s-%s-%d", claim.Name, set.Name, ordinal)}
			template.Spec.Volumes = append(template.Spec.Volumes, volume)
		}
	}
	return template
}

func suspended(suspend *bool) bool { return suspend != nil && *suspend }

func suspend(kind string, object metav1.Object) string {
	return fmt.Sprintf(`kubectl patch -n %s %s/%s -p '{"spec":{"suspend":true}}'`, object.GetNamespace(), kind, object.GetName())
}

// ended reports whether a Job makes no more Pods.
func ended(job *batchv1.Job) bool {
	for _, condition := range job.Status.Conditions {
		if (condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed) && condition.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

// pageSize is how many objects an API server sends at once.
const pageSize = 100

// each calls visit with every object of a kind in a namespace, page by page.
func each[Object, List any, ListPointer interface {
	*List
	runtime.Object
}](ctx context.Context, resource, namespace string, list func(context.Context, metav1.ListOptions) (*List, error), visit func(*Object)) error {
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		page, err := list(ctx, options)
		return ListPointer(page), err
	})
	pages.PageSize = pageSize
	err := pages.EachListItem(ctx, metav1.ListOptions{}, func(object runtime.Object) error {
		visit(any(object).(*Object))
		return nil
	})
	if err != nil {
		return fmt.Errorf("list %s in the namespace %s: %w", resource, namespace, err)
	}
	return nil
}
