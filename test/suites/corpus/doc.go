// Package corpus judges what becomes of sandbox Pods on a real API server: every Pod of a folder
// is created as DeerFlow's provisioner, with its identity declared and its user-data mount changed
// in the ways that matter, and without a declaration, as it is and with one character of its
// identity wrong. The stored Pod is compared with what it has to be, or the refusal.
//
// What it has to be is the same Pod as the API server stores it in a namespace without the
// webhook, with the user-data mounts set to the identity's directory, and stamped. All of this is
// worked out on plain maps. The package shares no code with the decision that it judges.
package corpus
