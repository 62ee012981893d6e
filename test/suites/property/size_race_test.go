//go:build race

package property

// The race detector makes each request ten times as dear; what it looks for needs few.
const (
	drawn = "1000"
	batch = 3000
)
