package oracle

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// Policy is what an admin laid down for one claim, as the design describes it. Read fills it: read by
// the code under test, it would share that code's mistakes.
type Policy struct {
	Name       string
	Namespaces []string
	Claim      string
	Selector   []Requirement

	// Provisioners are usernames. The claim alone does not make the exempt ones' Pods sandboxes.
	Provisioners []string
	ExemptUsers  []string
	ExemptGroups []string

	Identity Identity

	// Volume and MountPath make a user-data mount.
	Volume    string
	MountPath string

	// RefusesOthers has a user-data mount that asks for another directory be refused instead of corrected.
	RefusesOthers bool

	// Root is where the directories begin on the claim; HostBases is where they begin on nodes.
	Root        string
	HostBases   []string
	Directories []Directory
	// Legacy is the user-data directory of old, which names a thread and nobody may mount; empty
	// for none.
	Legacy string

	// Bounds are how many volumes, mounts, containers and environment entries there may be.
	Bounds map[string]int

	Allowed Allowed
}

// Identity is how a policy's sandboxes tell whose they are.
type Identity struct {
	// From are the places that are read, the first that counts first: Label, Annotation, Mounts.
	From []string

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

	// ProofOf are the texts of which an id may be the hash.
	ProofOf []string

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
	Capabilities    []string
	// ControllerOwners are kinds of owners, each with its API group behind a dot.
	ControllerOwners []string
	Annotations      []string
	// Labels holds the values of each listed label.
	Labels map[string][]string
	// ConfigMaps may be read, where RestrictsConfigMaps; else all may.
	ConfigMaps          []string
	RestrictsConfigMaps bool
	StorageClasses      []string
	// Listed holds the lists that Lists knows, by their fields.
	Listed map[string][]string
	// FSGroup is a number as JSON writes it; empty for none.
	FSGroup string
	// SELinuxOptions is the object as JSON has it; nil for none.
	SELinuxOptions map[string]any
	// MaxPriority is the highest priority, and Tolerations are objects as JSON has them.
	MaxPriority int
	Tolerations []map[string]any
}

// Request is what the API server says of a request besides the objects.
type Request struct {
	Namespace string
	Username  string
	Groups    []string
}

// Read reads a policy file, and the keys that it names. It was written from docs/policy.md and shares
// nothing with the webhook's own reader but the parser of YAML. The file is taken as valid; the error
// names the fields that Read does not know.
func Read(file string) ([]Policy, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var policies []Policy
	for document := range strings.SplitSeq("\n"+string(content), "\n---\n") {
		var whole object
		if err := yaml.Unmarshal([]byte(document), &whole); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if whole == nil {
			continue
		}
		policy, err := readPolicy(text(child(whole, "metadata"), "name"), child(whole, "spec"), filepath.Dir(file))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		policies = append(policies, policy)
	}
	return policies, nil
}

// readPolicy reads the spec of a policy. Relative paths in it are relative to dir.
func readPolicy(name string, whole object, dir string) (Policy, error) {
	unread := map[string]bool{}
	spec := newSection("spec", whole, unread)
	layout, allow := spec.below("layout"), spec.below("allow")
	policy := Policy{
		Name:         name,
		Namespaces:   spec.texts("namespaces"),
		Claim:        spec.text("claim", ""),
		Selector:     readSelector(child(whole, "selector")),
		Provisioners: spec.texts("provisioners"),
		Identity: Identity{
			From:          spec.texts("identityFrom"),
			UserKey:       spec.text("userKey", "user-id"),
			ThreadKey:     spec.text("threadKey", "thread-id"),
			UserPattern:   spec.text("userPattern", ""),
			ThreadPattern: spec.text("threadPattern", ""),
			Characters:    spec.texts("idCharacters"),
			LowerCase:     spec.value("caseSensitive") == false,
			SandboxIDKey:  spec.text("sandboxIDKey", "sandbox-id"),
			Proof:         spec.text("proof", "Adopted"),
			ProofOf:       spec.texts("proofOf"),
			DefaultUser:   spec.text("defaultUser", ""),
		},
		Volume:        spec.text("userDataVolume", "user-data"),
		Bounds:        spec.below("bounds").bounds(),
		MountPath:     spec.text("userDataMountPath", "/mnt/user-data"),
		RefusesOthers: spec.text("onOtherIdentity", "Rewrite") == "Refuse",
		Root:          layout.text("root", ""),
		HostBases:     spec.texts("hostPathBases"),
		Directories:   layout.directories(),
		Legacy:        layout.text("legacyUserData", ""),
		Allowed: Allowed{
			HostPaths:        allow.texts("hostPaths"),
			Claims:           allow.texts("claims"),
			VolumeTypes:      allow.texts("volumeTypes"),
			Secrets:          allow.texts("secrets"),
			ConfigMaps:       allow.texts("configMaps"),
			StorageClasses:   allow.texts("storageClasses"),
			ServiceAccounts:  allow.texts("serviceAccounts"),
			TokenAudiences:   allow.texts("tokenAudiences"),
			ResourceClaims:   allow.texts("resourceClaims"),
			Capabilities:     allow.texts("capabilities"),
			ControllerOwners: allow.texts("controllerOwners"),
			FSGroup:          number(allow.value("fsGroup")),
			Listed:           map[string][]string{},
			Annotations:      allow.texts("annotations"),
			Labels:           map[string][]string{},
		},
	}
	if policy.Identity.ProofOf == nil {
		policy.Identity.ProofOf = []string{"{user}"}
		if policy.hasThreads() {
			policy.Identity.ProofOf = []string{"{user}:{thread}"}
		}
	}
	if policy.Identity.From == nil {
		policy.Identity.From = []string{"Label", "Annotation", "Mounts"}
	}
	for _, list := range Lists() {
		policy.Allowed.Listed[list.Field] = allow.texts(list.Field)
	}
	labels := allow.below("labels")
	for key := range labels.fields {
		policy.Allowed.Labels[key] = labels.texts(key)
	}
	policy.ExemptUsers, policy.ExemptGroups = spec.exempt()
	policy.Allowed.RestrictsConfigMaps = allow.fields["configMaps"] != nil
	policy.Allowed.MaxPriority, _ = strconv.Atoi(number(allow.value("maxPriority"))) // 0 where there is none
	policy.Allowed.Tolerations = children(allow.fields, "tolerations")
	allow.know("tolerations")
	policy.Allowed.SELinuxOptions, _ = allow.value("seLinuxOptions").(object)
	// A sandbox may come to see the claim or be refused: both keep every invariant.
	spec.know("selector", "replaceUserData")

	var err error
	policy.Identity.Keys, err = readKeys(spec.text("keyFile", ""), dir)
	if len(unread) > 0 {
		err = errors.Join(err, fmt.Errorf("test/pods/oracle/policy.go: does not read %s", strings.Join(slices.Sorted(maps.Keys(unread)), ", ")))
	}
	return policy, err
}

// section is an object of a policy and where it stands. The fields that nobody has read are in unread,
// which all sections of a policy share.
type section struct {
	at     string
	fields object
	unread map[string]bool
}

func newSection(at string, fields object, unread map[string]bool) section {
	for key := range fields {
		unread[at+"."+key] = true
	}
	return section{at, fields, unread}
}

// know says that fields are known which are read elsewhere, or mean nothing to the oracle.
func (s section) know(keys ...string) {
	for _, key := range keys {
		delete(s.unread, s.at+"."+key)
	}
}

func (s section) value(key string) any {
	s.know(key)
	return s.fields[key]
}

// text reads a string, which has a default.
func (s section) text(key, initial string) string {
	if value, there := s.value(key).(string); there {
		return value
	}
	return initial
}

// texts reads a list of strings; nil where there is none.
func (s section) texts(key string) []string {
	list, _ := s.value(key).([]any)
	var found []string
	for _, entry := range list {
		value, _ := entry.(string)
		found = append(found, value)
	}
	return found
}

// below reads an object.
func (s section) below(key string) section {
	fields, _ := s.value(key).(object)
	return newSection(s.at+"."+key, fields, s.unread)
}

// directories reads the directories of a layout, the user-data directory first.
func (s section) directories() []Directory {
	found := []Directory{{Path: s.text("userData", ""), Writable: true, UserData: true}}
	s.know("directories")
	for _, entry := range children(s.fields, "directories") {
		directory := newSection(s.at+".directories[]", entry, s.unread)
		path, shared := directory.text("path", ""), directory.value("sharedByAll") == true
		// One that no user has to himself is written to only where the policy says that all may.
		writable := directory.text("access", "") == "ReadWrite" && (shared || strings.Contains(path, "{user}"))
		found = append(found, Directory{Path: path, Writable: writable})
	}
	return found
}

// bounds reads how much a sandbox may have.
func (s section) bounds() map[string]int {
	bounds := map[string]int{"volumes": 64, "mounts": 300, "containers": 16, "environment": 1200}
	for name := range bounds {
		if given := number(s.value(name)); given != "" {
			bounds[name], _ = strconv.Atoi(given)
		}
	}
	return bounds
}

// exempt reads the users and the groups that are exempt.
func (s section) exempt() (users, groups []string) {
	if s.value("exemptCreators") == nil {
		return workloadControllers, []string{"system:masters"}
	}
	creators := s.below("exemptCreators")
	return creators.texts("users"), creators.texts("groups")
}

// workloadControllers are exempt unless a policy says otherwise.
var workloadControllers = []string{
	"system:serviceaccount:kube-system:replicaset-controller",
	"system:serviceaccount:kube-system:replication-controller",
	"system:serviceaccount:kube-system:statefulset-controller",
	"system:serviceaccount:kube-system:daemon-set-controller",
	"system:serviceaccount:kube-system:job-controller",
}

// readKeys reads a key file, or the files of a directory in the order of their names. Hidden ones are
// the kubelet's.
func readKeys(file, dir string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	if entries, err := os.ReadDir(file); err == nil {
		var keys []string
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), ".") {
				continue
			}
			below, err := readKeys(filepath.Join(file, entry.Name()), "")
			if err != nil {
				return nil, err
			}
			keys = append(keys, below...)
		}
		return keys, nil
	}
	content, err := os.ReadFile(file)
	return []string{strings.TrimSuffix(string(content), "\n")}, err
}
