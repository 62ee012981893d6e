//go:build !race

package exhaustion

// Every Pod of the alphabet is tried.
const (
	stride = 1
	least  = 1_000_000
)
