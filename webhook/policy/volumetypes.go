package policy

import "slices"

// harmless are the volume types and projections that need no listing.
var harmless = []string{"configMap", "downwardAPI", "emptyDir", "projected", "clusterTrustBundle"}

// HarmlessVolumeTypes returns the types of volumes and projections that a policy need not list.
func HarmlessVolumeTypes() []string { return slices.Clone(harmless) }

// IsHarmlessVolumeType reports whether a policy need not list the type of volume or projection.
func IsHarmlessVolumeType(name string) bool { return slices.Contains(harmless, name) }

// judgedElsewhere are the volume types and projections with rules of their own.
var judgedElsewhere = []string{"persistentVolumeClaim", "hostPath", "secret", "serviceAccountToken", "csi"}

// JudgedVolumeTypes returns the types of volumes and projections with rules of their own.
func JudgedVolumeTypes() []string { return slices.Clone(judgedElsewhere) }

// IsJudgedVolumeType reports whether the type of volume or projection has a rule of its own.
func IsJudgedVolumeType(name string) bool { return slices.Contains(judgedElsewhere, name) }
