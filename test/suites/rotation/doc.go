// Package rotation tries the issuer of certificates on a real API server: that it replaces them without
// a refused Pod, what becomes of what is broken, and what its ServiceAccount may do.
//
// Nodes are played: a Service's address takes turns between the replicas of the webhook, and
// a kubelet copies the Secret into each one's directory, late.
package rotation
