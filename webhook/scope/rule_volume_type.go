package scope

import (
	"reflect"
	"slices"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleVolumeType is the rule of this file.
const RuleVolumeType Rule = "volume-type"

// saysVolumeType is a refusal that the backstop words like the decision.
const saysVolumeType = "is no volume type for sandboxes: drop the volume, or have the policy list it in allow.volumeTypes"

var volumeTypeRule = rule{
	ID:      RuleVolumeType,
	Summary: "Volumes of types that are not known to be harmless are refused unless the policy lists the type.",
	Why: "Without listing, a sandbox may have configMap, downwardAPI, emptyDir and projected volumes, and " +
		"what other rules permit of persistentVolumeClaim, hostPath and secret. Every other type, an inline " +
		"NFS or CSI volume for instance, may reach the storage behind the claim without the claim, and a " +
		"type that this version of Userscope does not know may reach anything. Drop the volume, or have the " +
		"policy list its type (`allow.volumeTypes`) if all that sandboxes could write into its fields is " +
		"safe: a listed type is not looked into, `ephemeral` aside.",
	says:  map[string]string{"type": saysVolumeType},
	check: (*review).checkVolumeType,
}

// A sandbox's volumes are the claim, what the policy lists, and the types that reach nothing
// beyond the Pod and the namespace's ConfigMaps. Every other type is refused, also one that
// this build does not know: a volume type is a road to data until somebody has looked at it.

// checkVolumeType refuses volumes, and projections inside them, of types that are not listed.
func (r *review) checkVolumeType(p *policy.Policy) {
	listed := r.listedUnknown(p)
	for i := range r.pod.Spec.Volumes {
		volume := &r.pod.Spec.Volumes[i]
		at := func(steps ...any) podjson.Location { return volumeAt(i, steps...) }
		r.checkSources(p, at, sources(volume), listed[i])
		if volume.Projected == nil {
			continue
		}
		for j := range volume.Projected.Sources {
			r.checkSources(p, volumeAt(i, "projected", "sources", j).Child, setFields(reflect.ValueOf(&volume.Projected.Sources[j]), projectionSources), false)
		}
	}
}

// listedUnknown returns the indices of the volumes whose source is unknown to this build but listed
// by the policy.
func (r *review) listedUnknown(p *policy.Policy) map[int]bool {
	if len(r.unknown) == 0 {
		return nil
	}
	volumes := map[int]bool{}
	for _, field := range r.unknown {
		if index, ok := field.Volume(); ok && field.IsSource(p.Allow.VolumeTypes) {
			volumes[index] = true
		}
	}
	return volumes
}

// checkSources judges the types of one volume or projection.
func (r *review) checkSources(p *policy.Policy, at func(steps ...any) podjson.Location, types []string, listedUnknown bool) {
	if len(types) == 0 && !listedUnknown {
		r.refuse(RuleVolumeType, at(), noSource, "could be anything: use a type of volume that this version of Userscope knows, or upgrade Userscope")
	}
	for _, name := range types {
		if policy.IsHarmlessVolumeType(name) || policy.IsJudgedVolumeType(name) || slices.Contains(p.Allow.VolumeTypes, name) {
			continue
		}
		r.refuse(RuleVolumeType, at(name), name, saysVolumeType)
	}
}
