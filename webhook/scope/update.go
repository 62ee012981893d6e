package scope

import (
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// Update judges a change of a stored Pod, from old to req.Pod. What says whose sandbox a Pod is stays, but a
// provisioner may give an identity to a Pod that has neither data nor an identity. New ephemeral containers are
// judged as such. Should an API server let volumes or containers change, as KEP-6395 prepares it, none may be
// added, and the Pod is judged as a new one of the stamped identity.
func Update(policies policy.Policies, req Request, old *corev1.Pod) Decision {
	r := &review{pod: req.Pod, old: old, creator: req.Creator, governing: policies.ForNamespace(req.Namespace)}
	if len(r.governing) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	if r.given = r.isGiving(); r.given {
		r.give()
	}
	r.run(func(rule *rule) check { return rule.update })
	if len(newEphemeralContainers(req.Pod, old)) > 0 {
		r.adopt(AddEphemeralContainers(policies, req, old))
	}
	if isRespecified(req.Pod, old) || !sameUnknown(req.Unknown, req.StoredUnknown) {
		r.judgeRespecified(req)
	}
	if !isMarked(old) && len(r.violations) == 0 {
		return Decision{Verdict: Ungoverned}
	}
	return r.decision()
}

// adopt takes over the violations of another decision about the same request.
func (r *review) adopt(d Decision) {
	for _, v := range d.Violations {
		r.refuseAt(v.Rule, v.Path, v.Value, v.Message)
	}
	r.more += d.More
}

// isRespecified reports whether a Pod has other volumes than the stored one, or a container with another name,
// mounts, devices, environment or security context.
func isRespecified(pod, old *corev1.Pod) bool {
	return !reflect.DeepEqual(pod.Spec.Volumes, old.Spec.Volumes) ||
		areRespecified(pod.Spec.InitContainers, old.Spec.InitContainers) ||
		areRespecified(pod.Spec.Containers, old.Spec.Containers)
}

// sameUnknown reports whether two lists hold the same fields. Ephemeral containers have rules of their own, so
// their fields do not count. isRespecified cannot see unknown fields: the Go types do not hold them.
func sameUnknown(a, b []podjson.UnknownField) bool {
	judged := func(all []podjson.UnknownField) (texts []string) {
		for _, field := range all {
			if field.At[1] != ephemeralContainers {
				texts = append(texts, field.At.String()+": "+field.Value)
			}
		}
		return texts
	}
	return slices.Equal(judged(a), judged(b))
}

func areRespecified(containers, old []corev1.Container) bool {
	return len(containers) != len(old) || slices.ContainsFunc(containers, func(c corev1.Container) bool {
		return !slices.ContainsFunc(old, func(o corev1.Container) bool {
			return c.Name == o.Name && reflect.DeepEqual(
				[]any{c.VolumeMounts, c.VolumeDevices, c.Env, c.EnvFrom, c.SecurityContext},
				[]any{o.VolumeMounts, o.VolumeDevices, o.Env, o.EnvFrom, o.SecurityContext})
		})
	})
}
