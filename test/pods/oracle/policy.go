package oracle

// Policy is what an admin laid down for one claim, as the design describes it. Read fills it: read by
// the code under test, it would share that code's mistakes.
type Policy struct {
	Name       string
	Namespaces []string
	Claim      string
	Selector   map[string]string

	// Provisioners are usernames. The claim alone does not make the exempt ones' Pods sandboxes.
	Provisioners []string
	ExemptUsers  []string
	ExemptGroups []string

	Identity Identity

	// Volume and MountPath make a user-data mount.
	Volume    string
	MountPath string

	// Root is where the directories begin on the claim; HostBases is where they begin on nodes.
	Root        string
	HostBases   []string
	Directories []Directory
	// Legacy is the user-data directory of old, which names a thread and nobody may mount; empty
	// for none.
	Legacy string

	Allowed Allowed
}

// Identity is how a policy's sandboxes tell whose they are.
type Identity struct {
	// UserKey and ThreadKey are label and annotation keys.
	UserKey, ThreadKey string

	// UserPattern and ThreadPattern narrow the ids that are legal anyway; empty for all.
	UserPattern, ThreadPattern string

	// Characters may stand inside of ids, beside the letters, digits, _ and - of all ids.
	Characters []string

	// LowerCase is for filesystems that do not tell A from a.
	LowerCase bool

	// SandboxIDKey is the label of the gateway's own id, and Proof what it must prove, as the
	// policy has it (empty: nothing is asked).
	SandboxIDKey, Proof string

	// Keys are secrets, each of which may have gone into the id's digest; without any the digest
	// is a plain one.
	Keys []string

	// DefaultUser stands in for a user that nothing names; empty for none.
	DefaultUser string
}

// Directory is one template of a layout.
type Directory struct {
	Path     string
	Writable bool
	UserData bool
}

// Allowed are the exceptions that an admin listed.
type Allowed struct {
	HostPaths       []string
	Claims          []string
	VolumeTypes     []string
	Secrets         []string
	ServiceAccounts []string
	TokenAudiences  []string
	ResourceClaims  []string
	RuntimeClasses  []string
	Capabilities    []string
	// FSGroup is a number as JSON writes it; empty for none.
	FSGroup string
	// SELinuxOptions is the object as JSON has it; nil for none.
	SELinuxOptions map[string]any
}

// Request is what the API server says of a request besides the objects.
type Request struct {
	Namespace string
	Username  string
	Groups    []string
}
