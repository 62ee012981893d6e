// Package exhaustion tries all Pods that can be written with a small alphabet, by three policies:
// every combination of a few creators, labels, volumes and mounts that is good or differs from a
// good one in one place, more than two million of them. A run tries one in eleven, from a number drawn
// anew, and with -one-in 1 all. Most mistakes in a judgement of combinations
// show in a small one; and among all of them none is forgotten. What is refused without need shows
// too: the letters say which Pods are known to be good.
package exhaustion
