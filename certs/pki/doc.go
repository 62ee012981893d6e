// Package pki makes the certificates of the webhook, and reads and writes the Secret that holds them.
// It knows no cluster and no clock: what it needs of either it is given.
package pki
