package differential

import "userscope.dev/userscope/test/pods/oracle"

// What follows is what the policy files say, copied by hand: the oracle must not learn it from
// the code that it judges.

// workloadControllers are exempt unless a policy says otherwise.
var workloadControllers = []string{
	"system:serviceaccount:kube-system:replicaset-controller",
	"system:serviceaccount:kube-system:replication-controller",
	"system:serviceaccount:kube-system:statefulset-controller",
	"system:serviceaccount:kube-system:daemon-set-controller",
	"system:serviceaccount:kube-system:job-controller",
}

var deerFlow = oracle.Policy{
	Name:         "deer-flow",
	Namespaces:   []string{"deer-flow"},
	Claim:        "deer-flow-home",
	Selector:     map[string]string{"app": "deer-flow-sandbox"},
	Provisioners: []string{"system:serviceaccount:deer-flow:deer-flow-provisioner"},
	ExemptUsers:  workloadControllers,
	ExemptGroups: []string{"system:masters"},
	Identity:     oracle.Identity{UserKey: "user-id", ThreadKey: "thread-id", SandboxIDKey: "sandbox-id", Proof: "Adopted"},
	Volume:       "user-data",
	MountPath:    "/mnt/user-data",
	Root:         "deer-flow",
	Legacy:       "threads/{thread}/user-data",
	HostBases:    []string{"/.deer-flow", "/app/backend/.deer-flow"},
	Directories: []oracle.Directory{
		{Path: "users/{user}/threads/{thread}/user-data", Writable: true, UserData: true},
		{Path: "users/{user}/threads/{thread}/acp-workspace"},
		{Path: "users/{user}/threads/{thread}/skills"},
		{Path: "users/{user}/skills_view/custom"},
		{Path: "users/{user}/skills_view/legacy"},
		{Path: "users/{user}/skills_view/integrations"},
		{Path: "users/{user}/integrations/lark-cli/config"},
		{Path: "users/{user}/integrations/lark-cli/config/locks", Writable: true},
		{Path: "users/{user}/integrations/lark-cli/data", Writable: true},
		{Path: "skills_view/public"},
		{Path: "integrations/lark-cli/sandbox-cli"},
	},
	Allowed: oracle.Allowed{HostPaths: []string{"/skills"}, Claims: []string{"deer-flow-skills"}},
}

// variant is a policy with DeerFlow's names and fewer directories.
func variant(name string, identity oracle.Identity) oracle.Policy {
	p := deerFlow
	p.Name, p.Identity = name, identity
	p.HostBases = []string{"/.deer-flow"}
	p.Directories = []oracle.Directory{
		{Path: "users/{user}/threads/{thread}/user-data", Writable: true, UserData: true},
		{Path: "users/{user}/threads/{thread}/acp-workspace"},
		{Path: "users/{user}/skills_view/custom"},
		{Path: "users/{user}/integrations/lark-cli/data", Writable: true},
		{Path: "skills_view/public"},
	}
	return p
}

var keyed = variant("keyed", oracle.Identity{
	UserKey: "user-id", ThreadKey: "thread-id", SandboxIDKey: "sandbox-id", Proof: "Always", DefaultUser: "default",
	Keys: []string{"the gateway signs with this key, which is no secret", "the gateway used to sign with this, which is none either"},
})

var defaulted = variant("defaulted", oracle.Identity{
	UserKey: "user-id", ThreadKey: "thread-id", SandboxIDKey: "sandbox-id", Proof: "Adopted", DefaultUser: "default",
})

var migrating = variant("migrating", oracle.Identity{
	UserKey: "user-id", ThreadKey: "thread-id", SandboxIDKey: "sandbox-id", Proof: "Never", DefaultUser: "default",
})

var hub = oracle.Policy{
	Name:         "hub",
	Namespaces:   []string{"jhub"},
	Claim:        "homes",
	Selector:     map[string]string{"app": "jupyterhub", "component": "singleuser-server"},
	Provisioners: []string{"system:serviceaccount:jhub:hub"},
	ExemptUsers:  workloadControllers,
	ExemptGroups: []string{"system:masters"},
	Identity:     oracle.Identity{UserKey: "hub.jupyter.org/username", ThreadKey: "thread-id", SandboxIDKey: "sandbox-id", Proof: "Never"},
	Volume:       "home",
	MountPath:    "/home/jovyan",
	Directories:  []oracle.Directory{{Path: "home/{user}", Writable: true, UserData: true}},
}

var lists = oracle.Policy{
	Name:         "lists",
	Namespaces:   []string{"lab", "lab-2"},
	Claim:        "lab-data",
	Selector:     map[string]string{"role": "lab"},
	Provisioners: []string{"spawner", "system:serviceaccount:lab:spawner"},
	ExemptGroups: []string{"operators"},
	Identity: oracle.Identity{
		UserKey: "lab.example/user", ThreadKey: "lab.example/run", SandboxIDKey: "lab.example/sandbox", Proof: "Adopted",
		UserPattern: "[uU]-[A-Za-z0-9-]*", ThreadPattern: "[a-z0-9]{1,8}", LowerCase: true,
	},
	Volume:    "data",
	MountPath: "/data",
	Root:      "lab/v2",
	HostBases: []string{"/srv/lab"},
	Directories: []oracle.Directory{
		{Path: "{user}/{thread}/data", Writable: true, UserData: true},
		{Path: "{user}/common/notes", Writable: true},
		{Path: "{user}/{thread}/models"},
		{Path: "shared/models/base"},
	},
	Allowed: oracle.Allowed{
		HostPaths:       []string{"/opt/models", "/opt/data-sets"},
		Claims:          []string{"models", "papers"},
		VolumeTypes:     []string{"nfs", "csi", "ephemeral", "image", "podCertificate", "tomorrow"},
		Secrets:         []string{"lab-token", "lab-key"},
		ServiceAccounts: []string{"lab-worker"},
		TokenAudiences:  []string{"vault"},
		ResourceClaims:  []string{"gpu", "example.com/gpu"},
		RuntimeClasses:  []string{"gvisor", "kata"},
		Capabilities:    []string{"NET_ADMIN", "NET_RAW"},
		FSGroup:         "2000",
		SELinuxOptions:  map[string]any{"level": "s0:c7"},
	},
}

var work = oracle.Policy{
	Name:         "work",
	Namespaces:   []string{"studio"},
	Claim:        "work",
	Selector:     map[string]string{"app": "studio"},
	Provisioners: []string{"system:serviceaccount:studio:launcher"},
	ExemptUsers:  workloadControllers,
	ExemptGroups: []string{"system:masters"},
	Identity:     oracle.Identity{UserKey: "user-id", ThreadKey: "thread-id", SandboxIDKey: "sandbox-id", Proof: "Never"},
	Volume:       "work",
	MountPath:    "/work",
	HostBases:    []string{"/srv/work"},
	Directories: []oracle.Directory{
		{Path: "users/{user}/{thread}", Writable: true, UserData: true},
		{Path: "templates/all"},
	},
	Allowed: oracle.Allowed{Secrets: []string{"studio"}, HostPaths: []string{"/srv/fonts"}},
}

var results = oracle.Policy{
	Name:         "results",
	Namespaces:   []string{"studio"},
	Claim:        "results",
	Selector:     map[string]string{"app": "studio"},
	Provisioners: []string{"system:serviceaccount:studio:launcher"},
	ExemptUsers:  workloadControllers,
	ExemptGroups: []string{"system:masters"},
	Identity:     oracle.Identity{UserKey: "user-id", ThreadKey: "thread-id", SandboxIDKey: "sandbox-id", Proof: "Never", LowerCase: true},
	Volume:       "results",
	MountPath:    "/results",
	Root:         "results",
	Directories: []oracle.Directory{
		{Path: "{user}/final", Writable: true, UserData: true},
		{Path: "{user}/drafts", Writable: true},
	},
	Allowed: oracle.Allowed{Secrets: []string{"studio", "results"}, HostPaths: []string{"/srv/fonts"}},
}
