// Package pki makes the certificates of the webhook, and reads and writes the data of the two Secrets that hold them.
// It knows no cluster and no clock: its callers pass both in.
package pki
