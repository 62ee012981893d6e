//go:build race

package flood

// memoryFactor is how many times as much memory the program takes as the one that is installed. The race detector
// takes five to ten times as much.
const memoryFactor = 10
