package load

import (
	"reflect"
	"slices"

	"userscope.dev/userscope/webhook/policy"
)

// This file holds the facts about policies that the chart needs too. Package manifests/facts writes
// them into a data file of the chart.

// Defaults returns a spec that holds the default of every field that has one, and nothing else.
func Defaults() Spec {
	return Spec{
		ExemptCreators:    new(defaultExempt()),
		IdentityFrom:      new(policy.IdentitySources()),
		UserKey:           new("user-id"),
		ThreadKey:         new("thread-id"),
		CaseSensitive:     new(true),
		UserDataVolume:    new("user-data"),
		UserDataMountPath: new("/mnt/user-data"),
		SandboxIDKey:      new("sandbox-id"),
		Proof:             new(policy.ProofAdopted),
		ReplaceUserData:   new(true),
		OnOtherIdentity:   new(policy.Rewrite),
		Bounds:            defaultBounds(),
	}
}

// defaultExempt returns who creates Pods on behalf of the claim's own software: cluster
// admins, and the controllers behind Deployments, StatefulSets, DaemonSets and Jobs.
func defaultExempt() policy.Creators {
	exempt := policy.Creators{Groups: []string{"system:masters"}}
	for _, controller := range []string{"replicaset", "replication", "statefulset", "daemon-set", "job"} {
		exempt.Users = append(exempt.Users, serviceAccountPrefix+"kube-system:"+controller+"-controller")
	}
	return exempt
}

func defaultBounds() Bounds {
	bounds := policy.DefaultBounds()
	return Bounds{Volumes: &bounds.Volumes, Mounts: &bounds.Mounts, Containers: &bounds.Containers, Environment: &bounds.Environment}
}

// withDefaults returns a spec in which every pointer that is nil points to the field's default.
func withDefaults(spec Spec) Spec {
	defaults, filled := reflect.ValueOf(Defaults()), reflect.ValueOf(&spec).Elem()
	for i := range filled.NumField() {
		if field := filled.Field(i); field.Kind() == reflect.Pointer && field.IsNil() {
			field.Set(defaults.Field(i))
		}
	}
	return spec
}

// groupsOfAll contain every ServiceAccount of every namespace.
var groupsOfAll = []string{"system:authenticated", "system:serviceaccounts"}

// GroupsOfAll returns the groups that contain every ServiceAccount, of governed namespaces too.
func GroupsOfAll() []string { return slices.Clone(groupsOfAll) }

// nodesOwn are directories through which a node, and the volumes that it has mounted, can be read or
// ruled. Some distributions of Kubernetes have others: to name a path is the admin's responsibility.
var nodesOwn = []string{
	"/proc", "/sys", "/dev", "/run", "/var/run", "/etc/kubernetes",
	"/var/lib/kubelet", "/var/lib/containerd", "/var/lib/containers", "/var/lib/docker", "/var/lib/etcd",
}

// NodesOwn returns the directories of a node through which it can be read or ruled.
func NodesOwn() []string { return slices.Clone(nodesOwn) }
