package policy

// Bounds limit how much a sandbox may have of what the rules look at one by one. API servers give the
// backstop a budget (KEP-3488); the bounds keep it far from being spent.
type Bounds struct {
	// Volumes counts the volumes and the sources that are projected into them.
	Volumes int

	// Mounts counts the volumeMounts of all containers.
	Mounts int

	// Containers counts the init and the regular containers.
	Containers int

	// Environment counts the entries of env and envFrom of all containers.
	Environment int
}

// DefaultBounds are far above what real sandboxes have, sidecars of service meshes included: DeerFlow's
// largest has 11 volumes with 3 projected sources, 13 mounts and 2 containers.
func DefaultBounds() Bounds {
	return Bounds{Volumes: 64, Mounts: 300, Containers: 16, Environment: 1200}
}

// LeastBounds are what a policy must leave: real sandboxes have up to two thirds of it.
func LeastBounds() Bounds {
	return Bounds{Volumes: 20, Mounts: 24, Containers: 4, Environment: 64}
}

// MostBounds are the largest that a policy may set.
func MostBounds() Bounds {
	return Bounds{Volumes: 256, Mounts: 1024, Containers: 64, Environment: 4096}
}
