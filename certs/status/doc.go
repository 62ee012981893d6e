// Package status tells a person how the webhook's certificates are: the Secret, the caBundles and what
// is served, side by side.
package status
