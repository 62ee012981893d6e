// Package property tries Pods and requests that package random draws. What comes out must be without
// fault in the oracle's eyes, and what is known to be good must come out.
package property
