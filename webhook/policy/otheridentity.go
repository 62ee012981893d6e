package policy

// OnOtherIdentity says what becomes of a user-data mount that asks for another directory than the identity's own, or the
// one of old of its thread.
type OnOtherIdentity string

// What becomes of such a mount.
const (
	// Rewrite has it show the identity's own directory.
	Rewrite OnOtherIdentity = "Rewrite"
	// Refuse refuses the Pod.
	Refuse OnOtherIdentity = "Refuse"
)
