//go:build !race

package property

// How many requests are drawn, and how many are in the batch that is the same each time.
const (
	drawn = "10000"
	batch = 20000
)
