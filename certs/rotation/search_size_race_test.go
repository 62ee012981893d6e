//go:build race

package rotation

// The race detector makes the search ten times as slow, and finds nothing in it: there is only one
// goroutine.
var largest []size
