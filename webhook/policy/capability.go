package policy

import "slices"

// networkCapabilities are those beyond the Pod Security baseline that give power over the Pod's
// own network only.
var networkCapabilities = []string{"NET_ADMIN", "NET_RAW"}

// NetworkCapabilities returns the capabilities that a policy may list.
func NetworkCapabilities() []string { return slices.Clone(networkCapabilities) }
