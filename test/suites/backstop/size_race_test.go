//go:build race

package backstop

// The race detector makes each request dearer; what it looks for needs few.
const drawn = "300"
