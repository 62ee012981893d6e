//go:build race

package exhaustion

// The race detector makes each Pod ten times as dear, and what it looks for needs few: one in a
// prime number is tried, so that every letter is used beside every other.
const (
	stride = 101
	least  = 10_000
)
