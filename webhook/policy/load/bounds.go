package load

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"userscope.dev/userscope/webhook/policy"
)

// bounds checks the bounds that are given; the others have their defaults.
func (c *compiler) bounds(at *field.Path, given Bounds) policy.Bounds {
	bounds, least, most := policy.DefaultBounds(), policy.LeastBounds(), policy.MostBounds()
	for _, bound := range []struct {
		name              string
		given             *int
		into, least, most *int
	}{
		{"volumes", given.Volumes, &bounds.Volumes, &least.Volumes, &most.Volumes},
		{"mounts", given.Mounts, &bounds.Mounts, &least.Mounts, &most.Mounts},
		{"containers", given.Containers, &bounds.Containers, &least.Containers, &most.Containers},
		{"environment", given.Environment, &bounds.Environment, &least.Environment, &most.Environment},
	} {
		if bound.given == nil {
			continue
		}
		if *bound.given < *bound.least || *bound.given > *bound.most {
			c.invalid(at.Child(bound.name), *bound.given, "must be between %d, which real sandboxes need, and %d", *bound.least, *bound.most)
		}
		*bound.into = *bound.given
	}
	return bounds
}
