package policy

import (
	"regexp"
	"slices"
	"strings"
)

// OwnerKind is the kind of an owner reference as a policy lists it: Kind.group, such as
// Sandbox.agents.x-k8s.io. The group of Pods and Nodes is called core.
func OwnerKind(apiVersion, kind string) string {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		group = "core"
	}
	return kind + "." + group
}

// OwnerKindPattern matches a kind with a group that has a dot, as those of custom resources have. The groups core,
// apps and batch have none.
const OwnerKindPattern = `^[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?){2,}$`

var ownerKind = regexp.MustCompile(OwnerKindPattern)

// workloadKinds are the kinds of Kubernetes' own controllers of Pods, which do not compare groups: they find their
// Pods by an owner's kind, name and uid (PodControllerIndexKey of k8s.io/kubernetes/pkg/controller).
var workloadKinds = []string{"DaemonSet", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"}

// WorkloadKinds returns the kinds of Kubernetes' own controllers of Pods.
func WorkloadKinds() []string { return slices.Clone(workloadKinds) }

// MayOwn reports whether a policy may list a kind, as OwnerKind writes it, among controllerOwners.
func MayOwn(kind string) bool {
	name, _, _ := strings.Cut(kind, ".")
	return ownerKind.MatchString(kind) && !slices.Contains(workloadKinds, name)
}
