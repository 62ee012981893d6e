// Package identity tests whose sandbox a Pod is taken to be: what becomes of the Pods of each
// version of DeerFlow under each setting of the policy, which it also writes into
// docs/identity.md, and what a key gives against a hostile provisioner, on a real API server.
package identity
