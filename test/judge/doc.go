// Package judge judges what becomes of sandbox Pods on a real API server: every Pod of a folder
// is created as DeerFlow's provisioner, as it is and with its user-data mount changed in the ways
// that matter, and the stored Pod is compared with what it has to be.
//
// What it has to be is the same Pod as the API server stores it in a namespace without the
// webhook, with the subPath of the user-data mounts set to the identity's directory. All of this
// is worked out on plain maps. The package shares no code with the decision that it judges.
package judge
