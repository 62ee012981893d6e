// Package status reports on the webhook's certificates: those of the Secrets and of the caBundles, and the served
// one, side by side.
package status
