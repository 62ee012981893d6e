// Package serving is the serving side of the certificates: it reads a mounted directory, and serves what
// API servers take.
package serving
