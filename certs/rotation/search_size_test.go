//go:build !race

package rotation

// largest is what is searched beyond the smallest.
var largest = []size{{1, 1}}
