// Package serving serves the certificate of a mounted directory, and follows it to every later certificate that API
// servers accept.
package serving
