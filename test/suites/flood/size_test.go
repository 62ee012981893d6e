//go:build !race

package flood

// memoryFactor is how many times as much memory the program takes as the one that is installed.
const memoryFactor = 1
