// Package exhaustion tries all Pods that can be written with a small alphabet: every combination
// of a few creators, labels, volumes and mounts, more than a million of them. Most mistakes in a
// judgement of combinations show in a small one; and among all of them none is forgotten.
package exhaustion
