//go:build !race

package backstop

// How many requests of each kind are drawn.
const drawn = "600"
