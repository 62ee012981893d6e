package load

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"userscope.dev/userscope/webhook/policy"
)

const deerflow = "../../../manifests/policies/deerflow.yaml"

func TestDeerFlowPolicy(t *testing.T) {
	policies, err := File(deerflow)
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Policies{{
		Name:         "deer-flow",
		Namespaces:   []string{"deer-flow"},
		Claim:        "deer-flow-home",
		Selector:     policy.MatchLabels(map[string]string{"app": "deer-flow-sandbox"}),
		Provisioners: []string{"system:serviceaccount:deer-flow:deer-flow-provisioner"},
		Exempt: policy.Creators{Groups: []string{"system:masters"}, Users: []string{
			"system:serviceaccount:kube-system:replicaset-controller",
			"system:serviceaccount:kube-system:replication-controller",
			"system:serviceaccount:kube-system:statefulset-controller",
			"system:serviceaccount:kube-system:daemon-set-controller",
			"system:serviceaccount:kube-system:job-controller",
		}},
		IdentityFrom:      policy.IdentitySources(),
		User:              policy.IDRule{Key: "user-id", MaxLength: 255},
		Thread:            policy.IDRule{Key: "thread-id", MaxLength: 64},
		UserDataVolume:    "user-data",
		UserDataMountPath: "/mnt/user-data",
		SandboxIDKey:      "sandbox-id",
		ProofOf:           []policy.ProofText{policy.DefaultProofText(true)},
		Proof:             policy.ProofAdopted,
		ReplaceUserData:   true,
		OnOtherIdentity:   policy.Rewrite,
		Layout: policy.Layout{Root: "deer-flow", UserData: template(t, "users/{user}/threads/{thread}/user-data"), Directories: []policy.Directory{
			{Template: template(t, "users/{user}/threads/{thread}/acp-workspace"), Access: policy.ReadOnly},
			{Template: template(t, "users/{user}/threads/{thread}/skills"), Access: policy.ReadOnly},
			{Template: template(t, "users/{user}/skills/custom"), Access: policy.ReadOnly},
			{Template: template(t, "users/{user}/skills_view/custom"), Access: policy.ReadOnly},
			{Template: template(t, "users/{user}/skills_view/legacy"), Access: policy.ReadOnly},
			{Template: template(t, "users/{user}/skills_view/integrations"), Access: policy.ReadOnly},
			{Template: template(t, "users/{user}/integrations/lark-cli/config"), Access: policy.ReadOnly},
			{Template: template(t, "users/{user}/integrations/lark-cli/config/locks"), Access: policy.ReadWrite},
			{Template: template(t, "users/{user}/integrations/lark-cli/data"), Access: policy.ReadWrite},
			{Template: template(t, "skills_view/public"), Access: policy.ReadOnly},
			{Template: template(t, "integrations/skills"), Access: policy.ReadOnly},
			{Template: template(t, "integrations/lark-cli/sandbox-cli"), Access: policy.ReadOnly},
		}, Legacy: template(t, "threads/{thread}/user-data")},
		HostPathBases: []string{"/.deer-flow", "/app/backend/.deer-flow"},
		Bounds:        policy.Bounds{Volumes: 64, Mounts: 300, Containers: 16, Environment: 1200},
		Allow: policy.Allow{
			HostPaths: []string{"/skills", "/skills/public", "/skills/custom"}, Claims: []string{"deer-flow-skills"},
			Labels: map[string][]string{"app.kubernetes.io/name": {"deer-flow"}, "app.kubernetes.io/component": {"sandbox"}},
		},
	}}
	if !reflect.DeepEqual(policies, want) {
		t.Errorf("got  %+v\nwant %+v", *policies[0], *want[0])
	}
}

// template parses a template that is known to be good.
func template(t *testing.T, text string) policy.Template {
	t.Helper()
	parsed, err := policy.ParseTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// minimal is the shortest valid policy: everything else has a default.
const minimal = `
apiVersion: userscope.dev/v1alpha1
kind: Policy
metadata: {name: deer-flow}
spec:
  namespaces: [deer-flow]
  claim: deer-flow-home
  selector: {app: deer-flow-sandbox}
  provisioners: ["system:serviceaccount:deer-flow:deer-flow-provisioner"]
  layout: {root: deer-flow, userData: "users/{user}/threads/{thread}/user-data"}
`

func TestDefaultsAreDeerFlows(t *testing.T) {
	shipped, err := File(deerflow)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("minimal", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	shipped[0].Layout.Directories, shipped[0].Layout.Legacy, shipped[0].HostPathBases, shipped[0].Allow = nil, policy.Template{}, nil, policy.Allow{} // lists, empty by default
	if !reflect.DeepEqual(got, shipped) {
		t.Errorf("the defaults\n%+v\nare not what the shipped policy spells out\n%+v", *got[0], *shipped[0])
	}
}

func TestOtherPlatforms(t *testing.T) {
	policies, err := Parse("hub", []byte(`
apiVersion: userscope.dev/v1alpha1
kind: Policy
metadata: {name: jupyterhub}
spec:
  namespaces: [hub, lab]
  claim: homes
  selector: {component: singleuser-server}
  userKey: hub.jupyter.org/username
  userPattern: "[a-z][a-z0-9-]*"
  caseSensitive: false
  proof: Never
  exemptCreators: {}
  userDataVolume: home
  userDataMountPath: /home/jovyan
  layout: {userData: "home/{user}"}
`))
	if err != nil {
		t.Fatal(err)
	}
	p := policies[0]
	if p.User.Key != "hub.jupyter.org/username" || !p.User.LowerCase || p.User.Pattern.String() != "^(?:[a-z][a-z0-9-]*)$" {
		t.Errorf("user rule: %+v", p.User)
	}
	if p.Layout.Root != "" || p.Layout.UserData.HasThread() || p.Exempt.Users != nil || p.Exempt.Groups != nil {
		t.Errorf("layout %+v, exempt %v %v", p.Layout, p.Exempt.Users, p.Exempt.Groups)
	}
	if p.UserDataVolume != "home" || p.UserDataMountPath != "/home/jovyan" {
		t.Errorf("user data: %s at %s", p.UserDataVolume, p.UserDataMountPath)
	}
}

// subdomain is what Kubernetes says of a name that is not of that form.
const subdomain = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`

// hiddenKey is the error of a key that stands where its file belongs.
const hiddenKey = `p.yaml: spec.keyFile: Invalid value: "(not shown: it may be a key)": names no file: no such file or directory`

// TestMistakes changes one thing of the minimal policy at a time.
func TestMistakes(t *testing.T) {
	second := strings.NewReplacer("name: deer-flow", "name: second", "claim: deer-flow-home", "claim: other",
		"layout:", "userDataVolume: other\n  userDataMountPath: /other\n  layout:").Replace(minimal)
	tests := []struct {
		name     string
		old, new string // a replacement in the minimal policy
		want     string // the whole error
	}{
		{"wrong version", "v1alpha1", "v1", `p.yaml: apiVersion: Unsupported value: "userscope.dev/v1": supported values: "userscope.dev/v1alpha1"`},
		{"wrong kind", "kind: Policy", "kind: Pod", `p.yaml: kind: Unsupported value: "Pod": supported values: "Policy"`},
		{"no name", "{name: deer-flow}", "{}", `p.yaml: metadata.name: Required value`},
		{"unknown field", "claim:", "claims:", "p.yaml: unknown field \"spec.claims\"\np.yaml: spec.claim: Required value"},
		{"field in the wrong case", "claim:", "Claim:", "p.yaml: unknown field \"spec.Claim\"\np.yaml: spec.claim: Required value"},
		{"unknown nested field", "{root:", "{base:", `p.yaml: unknown field "spec.layout.base"`},
		{"field twice", "  claim:", "  claim: a\n  claim:", `p.yaml: not valid YAML: line 8: key "claim" already set in map`},
		{"wrong type", "[deer-flow]", "deer-flow", `p.yaml: spec.namespaces: want a list, got "deer-flow"`},
		{"wrong type in a list", "[deer-flow]", "[deer-flow, 7]", `p.yaml: spec.namespaces[1]: want a string, got 7`},
		{"wrong type in a map", "{app: deer-flow-sandbox}", "{a: b, app: true}", `p.yaml: spec.selector.app: Invalid value: "true": want a string`},
		{"wrong type below a list", "{root:", "{directories: [{path: a, access: ReadOnly}, {path: [a]}], root:", `p.yaml: spec.layout.directories[1].path: want a string, got a list`},
		{"an object for a string", "claim: deer-flow-home", "claim: {name: a}", `p.yaml: spec.claim: want a string, got an object`},
		{"a string for an object", "{root:", "{directories: [a], root:", `p.yaml: spec.layout.directories[0]: want an object, got "a"`},
		{"a string for a truth value", "claim:", "caseSensitive: 'no'\n  claim:", `p.yaml: spec.caseSensitive: want true or false, got "no"`},
		{"an unknown place of identities", "claim:", "identityFrom: [Mounts, Env]\n  claim:", `p.yaml: spec.identityFrom[1]: Unsupported value: "Env": supported values: "Label", "Annotation", "Mounts"`},
		{"a place of identities twice", "claim:", "identityFrom: [Mounts, Label, Mounts]\n  claim:", `p.yaml: spec.identityFrom[2]: Duplicate value: "Mounts"`},
		{"no place of identities", "claim:", "identityFrom: []\n  claim:", `p.yaml: spec.identityFrom: Required value: an identity is read from some place`},
		{"nothing adopted that could be proved", "claim:", "identityFrom: [Label]\n  claim:",
			`p.yaml: spec.identityFrom: Invalid value: ["Label"]: must have Mounts where proof is Adopted, which has only what is read from there proved: set proof to Always or Never`},
		{"a default user whom no annotation tells", "claim:", "identityFrom: [Label, Mounts]\n  defaultUser: x\n  claim:",
			`p.yaml: spec.defaultUser: Invalid value: "x": needs Annotation in identityFrom, before Mounts: a Pod that is judged twice is known by it`},
		{"a default user whom mounts tell first", "claim:", "identityFrom: [Mounts, Annotation]\n  defaultUser: x\n  claim:",
			`p.yaml: spec.defaultUser: Invalid value: "x": needs Annotation in identityFrom, before Mounts: a Pod that is judged twice is known by it`},
		{"an unknown further character", "claim:", "idCharacters: [\".\", \"/\"]\n  claim:", `p.yaml: spec.idCharacters[1]: Unsupported value: "/": supported values: ".", "@", "+", "~"`},
		{"a further character twice", "claim:", "idCharacters: [\".\", \".\"]\n  claim:", `p.yaml: spec.idCharacters[1]: Duplicate value: "."`},
		{"short names on a filesystem that ignores case", "claim:", "caseSensitive: false\n  idCharacters: [\"~\"]\n  claim:",
			`p.yaml: spec.idCharacters[0]: Invalid value: "~": must not be listed with caseSensitive: false: such filesystems may have short names of other ids, as ALICEB~1`},
		{"a fraction for a whole number", "claim:", "allow: {fsGroup: 1.5}\n  claim:", `p.yaml: spec.allow.fsGroup: want a whole number, got 1.5`},
		{"a number that is none", "claim:", "allow: {fsGroup: .nan}\n  claim:", `p.yaml: not valid YAML: NaN is no number`},
		{"wrong type of the kind", "kind: Policy", "kind: [Policy]", `p.yaml: kind: want a string, got a list`},
		{"a list", minimal, "- a", `p.yaml: is a list: want an object with apiVersion: userscope.dev/v1alpha1 and kind: Policy`},
		{"a text", minimal, "policy", `p.yaml: is "policy": want an object with apiVersion: userscope.dev/v1alpha1 and kind: Policy`},
		{"null for a list", "claim:", "exemptCreators:\n  claim:", `p.yaml: spec.exemptCreators: Invalid value: null: leave the field out, or give it a value`},
		{"null for a label", "{app: deer-flow-sandbox}", "{app: null}", `p.yaml: spec.selector.app: Invalid value: null: leave the field out, or give it a value`},
		{"null in a list", "claim:", "allow: {claims: [a, ~]}\n  claim:", "p.yaml: spec.allow.claims[1]: Invalid value: null: leave the field out, or give it a value\np.yaml: spec.allow.claims[1]: Required value"},
		{"a second document without a separator", minimal, minimal + "..." + minimal, `p.yaml: not valid YAML: line 11: a document ends and something follows: put a line of --- between them`},
		{"not text", minimal, "a\x00", `p.yaml: is not text in UTF-8`},
		{"not YAML", "kind: Policy", "kind: [", `p.yaml: not valid YAML: line 4: did not find expected ',' or ']'`},
		{"illegal name", "{name: deer-flow}", "{name: Deer_Flow}", `p.yaml: metadata.name: Invalid value: "Deer_Flow": ` + subdomain},
		{"illegal claim", "claim: deer-flow-home", "claim: Home", `p.yaml: spec.claim: Invalid value: "Home": ` + subdomain},
		{"illegal volume name", "claim:", "userDataVolume: a.b\n  claim:", `p.yaml: spec.userDataVolume: Invalid value: "a.b": must not contain dots`},
		{"illegal selector", "{app: deer-flow-sandbox}", "{app: a/b}", `p.yaml: spec.selector: Invalid value: "a/b": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`},
		{"no namespaces", "namespaces: [deer-flow]", "namespaces: []", `p.yaml: spec.namespaces: Required value: name the namespaces whose sandboxes are governed`},
		{"namespace twice", "[deer-flow]", "[a, a]", `p.yaml: spec.namespaces[1]: Duplicate value: "a"`},
		{"illegal namespace", "[deer-flow]", "[deer_flow]", `p.yaml: spec.namespaces[0]: Invalid value: "deer_flow": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`},
		{"no claim", "deer-flow-home", `""`, `p.yaml: spec.claim: Required value`},
		{"no selector", "{app: deer-flow-sandbox}", "{}", `p.yaml: spec.selector: Required value: without labels every Pod of the namespaces would be a sandbox`},
		{"an operator for want of a label", "{app: deer-flow-sandbox}", "{matchExpressions: [{key: app, operator: NotIn, values: [gateway]}]}", `p.yaml: spec.selector.matchExpressions[0].operator: Unsupported value: "NotIn": supported values: "In", "Exists"`},
		{"a label that must not be there", "{app: deer-flow-sandbox}", "{matchLabels: {a: b}, matchExpressions: [{key: app, operator: DoesNotExist}]}", `p.yaml: spec.selector.matchExpressions[0].operator: Unsupported value: "DoesNotExist": supported values: "In", "Exists"`},
		{"one of no values", "{app: deer-flow-sandbox}", "{matchExpressions: [{key: app, operator: In}]}", `p.yaml: spec.selector.matchExpressions[0].values: Required value: the operator In has at least one`},
		{"a label with any value and some", "{app: deer-flow-sandbox}", "{matchExpressions: [{key: app, operator: Exists, values: [a]}]}", `p.yaml: spec.selector.matchExpressions[0].values: Forbidden: the operator Exists has none`},
		{"a value twice", "{app: deer-flow-sandbox}", "{matchExpressions: [{key: app, operator: In, values: [a, a]}]}", `p.yaml: spec.selector.matchExpressions[0].values[1]: Duplicate value: "a"`},
		{"a label twice in a selector", "{app: deer-flow-sandbox}", "{matchLabels: {app: a}, matchExpressions: [{key: app, operator: Exists}]}", `p.yaml: spec.selector.matchExpressions[0].key: Duplicate value: "app"`},
		{"an unknown part of a selector", "{app: deer-flow-sandbox}", "{matchLabels: {app: a}, matchFields: {}}", `p.yaml: spec.selector: Invalid value: {"matchFields":{},"matchLabels":{"app":"a"}}: unknown field "matchFields"`},
		{"labels beside a part of a selector", "{app: deer-flow-sandbox}", "{matchLabels: {app: a}, tier: b}", `p.yaml: spec.selector: Invalid value: {"matchLabels":{"app":"a"},"tier":"b"}: unknown field "tier"`},
		{"an unknown part of a requirement", "{app: deer-flow-sandbox}", "{matchExpressions: [{key: app, operator: Exists, value: a}]}", `p.yaml: spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Exists","value":"a"}]}: unknown field "matchExpressions[0].value"`},
		{"a wrong type in a requirement", "{app: deer-flow-sandbox}", "{matchExpressions: [{key: app, operator: In, values: a}]}", `p.yaml: spec.selector.matchExpressions[0].values: Invalid value: "\"a\"": want a list`},
		{"an empty label selector", "{app: deer-flow-sandbox}", "{matchLabels: {}, matchExpressions: []}", `p.yaml: spec.selector: Required value: without labels every Pod of the namespaces would be a sandbox`},
		{"a key in a requirement", "{app: deer-flow-sandbox}", "{matchExpressions: [{key: user-id, operator: Exists}]}", `p.yaml: spec.userKey: Invalid value: "user-id": is also a label of the selector`},
		{"empty provisioner", `"system:serviceaccount:deer-flow:deer-flow-provisioner"`, `""`, `p.yaml: spec.provisioners[0]: Required value`},
		{"illegal key", "claim:", "userKey: a b\n  claim:", `p.yaml: spec.userKey: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`},
		{"one key for both ids", "claim:", "userKey: id\n  threadKey: id\n  claim:", `p.yaml: spec.threadKey: Invalid value: "id": is also the userKey`},
		{"key in the selector", "claim:", "userKey: app\n  claim:", `p.yaml: spec.userKey: Invalid value: "app": is also a label of the selector`},
		{"broken pattern", "claim:", "userPattern: \"(\"\n  claim:", "p.yaml: spec.userPattern: Invalid value: \"(\": is not a regular expression: error parsing regexp: missing closing ): `(`"},
		{"pattern that closes the anchors' group", "claim:", "threadPattern: a)|(b\n  claim:", "p.yaml: spec.threadPattern: Invalid value: \"a)|(b\": is not a regular expression: error parsing regexp: unexpected ): `a)|(b`"},
		{"relative mount path", "claim:", "userDataMountPath: mnt\n  claim:", `p.yaml: spec.userDataMountPath: Invalid value: "mnt": must be an absolute path other than /, without a slash at the end, . or ..`},
		{"unclean mount path", "claim:", "userDataMountPath: /mnt/\n  claim:", `p.yaml: spec.userDataMountPath: Invalid value: "/mnt/": must be an absolute path other than /, without a slash at the end, . or ..`},
		{"the root as mount path", "claim:", "userDataMountPath: /\n  claim:", `p.yaml: spec.userDataMountPath: Invalid value: "/": must be an absolute path other than /, without a slash at the end, . or ..`},
		{"a colon in the mount path", "claim:", "userDataMountPath: /mnt:ro\n  claim:", `p.yaml: spec.userDataMountPath: Invalid value: "/mnt:ro": must not contain a colon`},
		{"a control character in the mount path", "claim:", `userDataMountPath: "/mnt\u007f"` + "\n  claim:", `p.yaml: spec.userDataMountPath: Invalid value: "/mnt\x7f": must not contain control characters`},
		{"a control character in the root", "root: deer-flow", `root: "a\nb"`, `p.yaml: spec.layout.root: Invalid value: "a\nb": must not contain control characters`},
		{"a control character in the user data", "users/{user}", `a\tb/{user}`, `p.yaml: spec.layout.userData: Invalid value: "a\tb/{user}/threads/{thread}/user-data": must not contain control characters`},
		{"a control character in the directory of old", "{root:", `{legacyUserData: "a\0/{thread}", root:`, `p.yaml: spec.layout.legacyUserData: Invalid value: "a\x00/{thread}": must not contain control characters`},
		{"a segment that is too long", "{root:", "{directories: [{path: " + strings.Repeat("é", 128) + ", access: ReadOnly}], root:", `p.yaml: spec.layout.directories[0].path: Invalid value: "` + strings.Repeat("é", 128) + `": must not contain a segment of more than 255 bytes`},
		{"a path that is too long", "claim:", "hostPathBases: [" + strings.Repeat("/a", 2048) + "]\n  claim:", `p.yaml: spec.hostPathBases[0]: Too long: may not be more than 4095 bytes`},
		{"a thread in the root", "root: deer-flow", `root: "{thread}"`, `p.yaml: spec.layout.root: Invalid value: "{thread}": must not have placeholders: every identity shares the root`},
		{"absolute root", "root: deer-flow", "root: /deer-flow", `p.yaml: spec.layout.root: Invalid value: "/deer-flow": must be relative, without empty segments or a slash at the end`},
		{"placeholder in the root", "root: deer-flow", `root: "{user}"`, `p.yaml: spec.layout.root: Invalid value: "{user}": must not have placeholders: every identity shares the root`},
		{"no user data", `, userData: "users/{user}/threads/{thread}/user-data"`, "", `p.yaml: spec.layout.userData: Required value: such as users/{user}/threads/{thread}/user-data`},
		{"thread without user", "users/{user}/threads", "threads", `p.yaml: spec.layout.userData: Invalid value: "threads/{thread}/user-data": must contain {user}: without it users share a directory`},
		{"no placeholder", "users/{user}/threads/{thread}/user-data", "data", `p.yaml: spec.layout.userData: Invalid value: "data": must contain {user}: without it users share a directory`},
		{"placeholder in a segment", "users/{user}", "users/u-{user}", `p.yaml: spec.layout.userData: Invalid value: "users/u-{user}/threads/{thread}/user-data": segment "u-{user}": only {user} and {thread} are placeholders, and each must be a whole segment`},
		{"placeholder twice", "users/{user}", "{user}/{user}", `p.yaml: spec.layout.userData: Invalid value: "{user}/{user}/threads/{thread}/user-data": {user} may occur only once`},
		{"dots", "users/{user}", "users/../{user}", `p.yaml: spec.layout.userData: Invalid value: "users/../{user}/threads/{thread}/user-data": must not contain the segment ".."`},
		{"exempt ServiceAccount of the namespace", "claim:", "exemptCreators: {users: ['system:serviceaccount:deer-flow:gateway']}\n  claim:", `p.yaml: spec.exemptCreators.users[0]: Invalid value: "system:serviceaccount:deer-flow:gateway": is a ServiceAccount of the governed namespace deer-flow`},
		{"exempt provisioner", `provisioners: ["system:serviceaccount:deer-flow:deer-flow-provisioner"]`, "provisioners: [bot]\n  exemptCreators: {users: [bot]}", `p.yaml: spec.exemptCreators.users[0]: Invalid value: "bot": is also one of the provisioners, whose Pods are always governed`},
		{"exempt group of everyone", "claim:", "exemptCreators: {groups: ['system:authenticated']}\n  claim:", `p.yaml: spec.exemptCreators.groups[0]: Invalid value: "system:authenticated": contains every ServiceAccount of the governed namespaces`},
		{"exempt group of every ServiceAccount", "claim:", "exemptCreators: {groups: ['system:serviceaccounts']}\n  claim:", `p.yaml: spec.exemptCreators.groups[0]: Invalid value: "system:serviceaccounts": contains every ServiceAccount of the governed namespaces`},
		{"empty exempt user", "claim:", "exemptCreators: {users: [a, '']}\n  claim:", `p.yaml: spec.exemptCreators.users[1]: Required value`},
		{"exempt user twice", "claim:", "exemptCreators: {users: [a, a]}\n  claim:", `p.yaml: spec.exemptCreators.users[1]: Duplicate value: "a"`},
		{"empty exempt group", "claim:", "exemptCreators: {groups: ['']}\n  claim:", `p.yaml: spec.exemptCreators.groups[0]: Required value`},
		{"exempt group twice", "claim:", "exemptCreators: {groups: [a, b, a]}\n  claim:", `p.yaml: spec.exemptCreators.groups[2]: Duplicate value: "a"`},
		{"exempt group of the namespace", "claim:", "exemptCreators: {groups: ['system:serviceaccounts:deer-flow']}\n  claim:", `p.yaml: spec.exemptCreators.groups[0]: Invalid value: "system:serviceaccounts:deer-flow": contains every ServiceAccount of a governed namespace`},
		{"a label of the selector as a key", "claim:", "threadKey: app\n  claim:", `p.yaml: spec.threadKey: Invalid value: "app": is also a label of the selector`},
		{"illegal sandbox id key", "claim:", "sandboxIDKey: ''\n  claim:", "p.yaml: spec.sandboxIDKey: Invalid value: \"\": name part must be non-empty\np.yaml: spec.sandboxIDKey: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"},
		{"the marker as a key", "claim:", "threadKey: userscope.dev/policies\n  claim:", `p.yaml: spec.threadKey: Invalid value: "userscope.dev/policies": is also the marker that Userscope sets`},
		{"the user's key as the sandbox id's", "claim:", "sandboxIDKey: user-id\n  claim:", `p.yaml: spec.sandboxIDKey: Invalid value: "user-id": is also the userKey`},
		{"a directory without access", "{root:", "{directories: [{path: a}], root:", `p.yaml: spec.layout.directories[0].access: Required value: ReadOnly or ReadWrite`},
		{"a directory with another access", "{root:", "{directories: [{path: a, access: rw}], root:", `p.yaml: spec.layout.directories[0].access: Unsupported value: "rw": supported values: "ReadOnly", "ReadWrite"`},
		{"a directory that is no path", "{root:", "{directories: [{path: ../a, access: ReadOnly}], root:", `p.yaml: spec.layout.directories[0].path: Invalid value: "../a": must not contain the segment ".."`},
		{"a shared directory, writable", "{root:", "{directories: [{path: a, access: ReadWrite}], root:", `p.yaml: spec.layout.directories[0].access: Invalid value: "ReadWrite": must be ReadOnly, or sharedByAll be true: without {user} the directory is shared by all`},
		{"a directory of one user that all share", "{root:", "{directories: [{path: 'a/{user}', access: ReadWrite, sharedByAll: true}], root:", `p.yaml: spec.layout.directories[0].sharedByAll: Invalid value: true: is for a ReadWrite directory without {user}`},
		{"a readable directory that is shared by all anyhow", "{root:", "{directories: [{path: a, access: ReadOnly, sharedByAll: true}], root:", `p.yaml: spec.layout.directories[0].sharedByAll: Invalid value: true: is for a ReadWrite directory without {user}`},
		{"a directory that all write to, below another", "{root:", "{directories: [{path: a, access: ReadOnly}, {path: a/b, access: ReadWrite, sharedByAll: true}], root:", `p.yaml: spec.layout.directories[1].path: Invalid value: "a/b": a/b lies below a, and is sharedByAll`},
		{"a directory that all write to, around another", "{root:", "{directories: [{path: a, access: ReadWrite, sharedByAll: true}, {path: a/b, access: ReadOnly}], root:", `p.yaml: spec.layout.directories[1].path: Invalid value: "a/b": a/b lies below a, which is ReadWrite`},
		{"the user-data directory again", "{root:", "{directories: [{path: 'users/{user}/threads/{thread}/user-data', access: ReadOnly}], root:", `p.yaml: spec.layout.directories[0].path: Invalid value: "users/{user}/threads/{thread}/user-data": users/{user}/threads/{thread}/user-data and users/{user}/threads/{thread}/user-data are the same directory`},
		{"a directory below another", "{root:", "{directories: [{path: 'a/{user}', access: ReadWrite}, {path: 'a/{user}/b', access: ReadOnly}], root:", `p.yaml: spec.layout.directories[1].path: Invalid value: "a/{user}/b": a/{user}/b lies below a/{user}, which is ReadWrite`},
		{"a base that is no path", "claim:", "hostPathBases: [base]\n  claim:", `p.yaml: spec.hostPathBases[0]: Invalid value: "base": must be an absolute path other than /, without a slash at the end, . or ..`},
		{"a base in a base", "claim:", "hostPathBases: [/a, /a/b]\n  claim:", `p.yaml: spec.hostPathBases[1]: Invalid value: "/a/b": and the base /a lie inside one another`},
		{"a listed path above a base", "claim:", "hostPathBases: [/a/b]\n  allow: {hostPaths: [/ab, /a]}\n  claim:", `p.yaml: spec.allow.hostPaths[1]: Invalid value: "/a": and the base /a/b lie inside one another`},
		{"a listed path below a base", "claim:", "hostPathBases: [/a]\n  allow: {hostPaths: [/a/users]}\n  claim:", `p.yaml: spec.allow.hostPaths[0]: Invalid value: "/a/users": and the base /a lie inside one another`},
		{"the node's root listed", "claim:", "allow: {hostPaths: [/]}\n  claim:", `p.yaml: spec.allow.hostPaths[0]: Invalid value: "/": must be an absolute path other than /, without a slash at the end, . or ..`},
		{"the kubelet's directory listed", "claim:", "allow: {hostPaths: [/varlib, /var/lib]}\n  claim:", `p.yaml: spec.allow.hostPaths[1]: Invalid value: "/var/lib": and /var/lib/kubelet, through which the node can be read or ruled, lie inside one another`},
		{"a socket of the node listed", "claim:", "allow: {hostPaths: [/run/containerd]}\n  claim:", `p.yaml: spec.allow.hostPaths[0]: Invalid value: "/run/containerd": and /run, through which the node can be read or ruled, lie inside one another`},
		{"a base above the kubelet's directory", "claim:", "hostPathBases: [/var/lib]\n  claim:", `p.yaml: spec.hostPathBases[0]: Invalid value: "/var/lib": and /var/lib/kubelet, through which the node can be read or ruled, lie inside one another`},
		{"a bound below what sandboxes need", "claim:", "bounds: {volumes: 10, mounts: 300}\n  claim:", `p.yaml: spec.bounds.volumes: Invalid value: 10: must be between 20, which real sandboxes need, and 256`},
		{"a bound above what API servers can do", "claim:", "bounds: {environment: 5000}\n  claim:", `p.yaml: spec.bounds.environment: Invalid value: 5000: must be between 64, which real sandboxes need, and 4096`},
		{"a group that is none", "claim:", "allow: {fsGroup: -1}\n  claim:", `p.yaml: spec.allow.fsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive`},
		{"a field that chooses no name", "claim:", "allow: {hostnames: [hostname, name]}\n  claim:", `p.yaml: spec.allow.hostnames[1]: Unsupported value: "name": supported values: "hostname", "subdomain", "setHostnameAsFQDN", "hostnameOverride"`},
		{"a field twice in a list", "claim:", "allow: {hostnames: [hostname, hostname]}\n  claim:", `p.yaml: spec.allow.hostnames[1]: Duplicate value: "hostname"`},
		{"every ConfigMap by a star", "claim:", "allow: {configMaps: ['*']}\n  claim:", `p.yaml: spec.allow.configMaps[0]: Invalid value: "*": ` + subdomain},
		{"a pull secret that cannot be", "claim:", "allow: {imagePullSecrets: [A]}\n  claim:", `p.yaml: spec.allow.imagePullSecrets[0]: Invalid value: "A": ` + subdomain},
		{"the empty storage class", "claim:", "allow: {storageClasses: ['']}\n  claim:", `p.yaml: spec.allow.storageClasses[0]: Required value`},
		{"a priority below the default", "claim:", "allow: {maxPriority: -1}\n  claim:", `p.yaml: spec.allow.maxPriority: Invalid value: -1: must be between 0 and 1000000000: what is above is the system's`},
		{"the system's priority", "claim:", "allow: {maxPriority: 2000000000}\n  claim:", `p.yaml: spec.allow.maxPriority: Invalid value: 2000000000: must be between 0 and 1000000000: what is above is the system's`},
		{"an unknown operator", "claim:", "allow: {tolerations: [{key: a, operator: Gt}]}\n  claim:", `p.yaml: spec.allow.tolerations[0].operator: Unsupported value: "Gt": supported values: "Equal", "Exists"`},
		{"no key to compare", "claim:", "allow: {tolerations: [{effect: NoExecute}]}\n  claim:", `p.yaml: spec.allow.tolerations[0].operator: Invalid value: "": must be Exists where there is no key, which is every key`},
		{"a value that counts for nothing", "claim:", "allow: {tolerations: [{key: a, operator: Exists, value: b}]}\n  claim:", `p.yaml: spec.allow.tolerations[0].value: Invalid value: "b": must be left out with the operator Exists`},
		{"a key that no taint has", "claim:", "allow: {tolerations: [{key: a b, operator: Exists}]}\n  claim:", `p.yaml: spec.allow.tolerations[0].key: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`},
		{"an effect that is not judged", "claim:", "allow: {tolerations: [{key: a, operator: Exists, effect: NoSchedule}]}\n  claim:", `p.yaml: spec.allow.tolerations[0].effect: Invalid value: "NoSchedule": must be NoExecute, or left out for every effect: no other is refused`},
		{"a time without NoExecute", "claim:", "allow: {tolerations: [{key: a, operator: Exists, tolerationSeconds: 5}]}\n  claim:", `p.yaml: spec.allow.tolerations[0].tolerationSeconds: Invalid value: 5: must be left out without the effect NoExecute`},
		{"a toleration twice", "claim:", "allow: {tolerations: [{operator: Exists}, {operator: Exists}]}\n  claim:", `p.yaml: spec.allow.tolerations[1]: Duplicate value: {"operator":"Exists"}`},
		{"an unknown field of a toleration", "claim:", "allow: {tolerations: [{keys: a, operator: Exists}]}\n  claim:", `p.yaml: unknown field "spec.allow.tolerations[0].keys"`},
		{"a node without a name", "claim:", "allow: {nodeNames: ['']}\n  claim:", `p.yaml: spec.allow.nodeNames[0]: Required value`},
		{"a readable directory of the user above a thread's", "{root:", "{directories: [{path: 'users/{user}', access: ReadOnly}], root:", `p.yaml: spec.layout.directories[0].path: Invalid value: "users/{user}": users/{user}/threads/{thread}/user-data lies below users/{user}, which other identities can read`},
		{"the claim listed as another", "claim:", "allow: {claims: [a, deer-flow-home]}\n  claim:", `p.yaml: spec.allow.claims[1]: Invalid value: "deer-flow-home": is the claim that policy deer-flow protects`},
		{"all CSI drivers listed", "claim:", "allow: {volumeTypes: [nfs, csi]}\n  claim:", `p.yaml: spec.allow.volumeTypes[1]: Invalid value: "csi": cannot be listed as a whole: list the drivers by name in csiDrivers`},
		{"all hostPaths listed", "claim:", "allow: {volumeTypes: [nfs, hostPath]}\n  claim:", `p.yaml: spec.allow.volumeTypes[1]: Invalid value: "hostPath": cannot be listed as a whole: list the hostPaths, claims, secrets or tokenAudiences`},
		{"a capability over the node", "claim:", "allow: {capabilities: [NET_ADMIN, SYS_ADMIN]}\n  claim:", `p.yaml: spec.allow.capabilities[1]: Unsupported value: "SYS_ADMIN": supported values: "NET_ADMIN", "NET_RAW"`},
		{"an owner of the group apps", "claim:", "allow: {controllerOwners: [Sandbox.agents.x-k8s.io, Deployment.apps]}\n  claim:", `p.yaml: spec.allow.controllerOwners[1]: Invalid value: "Deployment.apps": must be a kind and its group, such as Sandbox.agents.x-k8s.io; no group without a dot, and no DaemonSet, Job, ReplicaSet, ReplicationController, StatefulSet can be listed`},
		{"an owner of the group batch", "claim:", "allow: {controllerOwners: [CronJob.batch]}\n  claim:", `p.yaml: spec.allow.controllerOwners[0]: Invalid value: "CronJob.batch": must be a kind and its group, such as Sandbox.agents.x-k8s.io; no group without a dot, and no DaemonSet, Job, ReplicaSet, ReplicationController, StatefulSet can be listed`},
		{"an owner of the group core", "claim:", "allow: {controllerOwners: [Pod.core]}\n  claim:", `p.yaml: spec.allow.controllerOwners[0]: Invalid value: "Pod.core": must be a kind and its group, such as Sandbox.agents.x-k8s.io; no group without a dot, and no DaemonSet, Job, ReplicaSet, ReplicationController, StatefulSet can be listed`},
		{"an owner without a group", "claim:", "allow: {controllerOwners: [Pod]}\n  claim:", `p.yaml: spec.allow.controllerOwners[0]: Invalid value: "Pod": must be a kind and its group, such as Sandbox.agents.x-k8s.io; no group without a dot, and no DaemonSet, Job, ReplicaSet, ReplicationController, StatefulSet can be listed`},
		{"a ReplicaSet of another group", "claim:", "allow: {controllerOwners: [ReplicaSet.example.com]}\n  claim:", `p.yaml: spec.allow.controllerOwners[0]: Invalid value: "ReplicaSet.example.com": must be a kind and its group, such as Sandbox.agents.x-k8s.io; no group without a dot, and no DaemonSet, Job, ReplicaSet, ReplicationController, StatefulSet can be listed`},
		{"an owner twice", "claim:", "allow: {controllerOwners: [A.b.c, A.b.c]}\n  claim:", `p.yaml: spec.allow.controllerOwners[1]: Duplicate value: "A.b.c"`},
		{"a label that is none", "claim:", "allow: {labels: {a b: [x]}}\n  claim:", `p.yaml: spec.allow.labels[a b]: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`},
		{"a value that no label has", "claim:", "allow: {labels: {team: [red, 'a b']}}\n  claim:", `p.yaml: spec.allow.labels[team][1]: Invalid value: "a b": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`},
		{"a label without values", "claim:", "allow: {labels: {team: []}}\n  claim:", `p.yaml: spec.allow.labels[team]: Required value: list the values that are permitted, or * alone for every one`},
		{"a value of a label twice", "claim:", "allow: {labels: {team: [red, red]}}\n  claim:", `p.yaml: spec.allow.labels[team][1]: Duplicate value: "red"`},
		{"every value and one more", "claim:", "allow: {labels: {team: [red, '*']}}\n  claim:", `p.yaml: spec.allow.labels[team][1]: Invalid value: "*": stands for every value: list it alone`},
		{"every value of app", "claim:", "allow: {labels: {app: ['*']}}\n  claim:", `p.yaml: spec.allow.labels[app][0]: Invalid value: "*": must not be listed for app, by which Services and controllers select Pods: list its values`},
		{"every value of release", "claim:", "allow: {labels: {release: ['*']}}\n  claim:", `p.yaml: spec.allow.labels[release][0]: Invalid value: "*": must not be listed for release, by which Services and controllers select Pods: list its values`},
		{"every value of component", "claim:", "allow: {labels: {component: ['*']}}\n  claim:", `p.yaml: spec.allow.labels[component][0]: Invalid value: "*": must not be listed for component, by which Services and controllers select Pods: list its values`},
		{"every value of a recommended label", "claim:", "allow: {labels: {app.kubernetes.io/instance: ['*']}}\n  claim:", `p.yaml: spec.allow.labels[app.kubernetes.io/instance][0]: Invalid value: "*": must not be listed for app.kubernetes.io/instance, by which Services and controllers select Pods: list its values`},
		{"the label of a Deployment's Pods", "claim:", "allow: {labels: {pod-template-hash: [x]}}\n  claim:", `p.yaml: spec.allow.labels[pod-template-hash]: Invalid value: "pod-template-hash": must not be listed: controllers give this label to their own Pods, and adopt who wears it`},
		{"the label of a StatefulSet's Pods", "claim:", "allow: {labels: {controller-revision-hash: ['*']}}\n  claim:", `p.yaml: spec.allow.labels[controller-revision-hash]: Invalid value: "controller-revision-hash": must not be listed: controllers give this label to their own Pods, and adopt who wears it`},
		{"an annotation that needs no permission", "claim:", "allow: {annotations: [note]}\n  claim:", `p.yaml: spec.allow.annotations[0]: Invalid value: "note": must begin with controller.kubernetes.io/ or scheduler.alpha.kubernetes.io/: other annotations need no permission`},
		{"SELinux options of another user", "claim:", "allow: {seLinuxOptions: {user: u}}\n  claim:", `p.yaml: spec.allow.seLinuxOptions: Invalid value: {"user":"u"}: must not set user or role: the Pod Security baseline forbids both`},
		{"an empty secret name", "claim:", "allow: {secrets: ['']}\n  claim:", `p.yaml: spec.allow.secrets[0]: Required value`},
		{"a second policy that lists the first one's claim", "\napi", strings.Replace(second, "claim: other", "claim: other\n  allow: {claims: [deer-flow-home]}", 1) + "---\napi", `p.yaml: spec.allow.claims[0]: Invalid value: "deer-flow-home": is the claim that policy deer-flow protects`},
		{"a second policy with another sandbox id", "\napi", strings.Replace(second, "claim: other", "claim: other\n  sandboxIDKey: id", 1) + "---\napi", `p.yaml: spec.sandboxIDKey: Invalid value: "sandbox-id": must be as in policy second, which governs Pods of the same namespace`},
		{"another proof", "claim:", "proof: Sometimes\n  claim:", `p.yaml: spec.proof: Unsupported value: "Sometimes": supported values: "Adopted", "Always", "Never"`},
		{"a text of proofs without a thread", "claim:", "proofOf: [\"{user}\"]\n  claim:", `p.yaml: spec.proofOf[0]: Invalid value: "{user}": must hold {thread} once, as the layout has threads`},
		{"a text of proofs with a thread where there are none", `{root: deer-flow, userData: "users/{user}/threads/{thread}/user-data"}`, "{userData: 'home/{user}'}\n  proofOf: ['{user}:{thread}']",
			`p.yaml: spec.proofOf[0]: Invalid value: "{user}:{thread}": must not hold {thread}: the layout has no threads`},
		{"a text of proofs for two identities", "claim:", "proofOf: [\"{user}:{thread}\", \"{thread}:{user}\"]\n  claim:",
			`p.yaml: spec.proofOf[1]: Invalid value: "{thread}:{user}": could be the same text as "{user}:{thread}", of another identity: begin them with words that differ`},
		{"no text of proofs", "claim:", "proofOf: []\n  claim:", `p.yaml: spec.proofOf: Required value: such as {user}:{thread}`},
		{"a key that nothing needs", "claim:", "keyFile: testdata/keys/a\n  claim:", `p.yaml: spec.proof: Invalid value: "Adopted": must be Always where there is a keyFile: an identity that is believed needs no key`},
		{"a missing key", "claim:", "proof: Always\n  keyFile: testdata/none\n  claim:", `p.yaml: spec.keyFile: Invalid value: "testdata/none": stat testdata/none: no such file or directory`},
		{"a key file's name of two lines", "claim:", `proof: Always` + "\n  " + `keyFile: "a\nb"` + "\n  claim:", `p.yaml: spec.keyFile: Invalid value: "(not shown: it may be a key)": names no file: no such file or directory`},
		{"a key in place of its file", "claim:", "proof: Always\n  keyFile: 9aF3kQ7tLm2VxR8cYb5WnD1sHg6JpZ4e\n  claim:", hiddenKey},
		{"a short key in place of its file", "claim:", "proof: Always\n  keyFile: hunter2\n  claim:", hiddenKey},
		{"a key with a slash in place of its file", "claim:", "proof: Always\n  keyFile: 9aF3kQ7/tLm2VxR8cYb5WnD1sHg6JpZ4e\n  claim:", hiddenKey},
		{"a key that begins with a slash in place of its file", "claim:", "proof: Always\n  keyFile: /9aF3kQ7tLm2VxR8cYb5WnD1sHg6JpZ4e9\n  claim:", hiddenKey},
		{"a key that is very long in place of its file", "claim:", "proof: Always\n  keyFile: " + strings.Repeat("9a/F", 2000) + "\n  claim:",
			`p.yaml: spec.keyFile: Invalid value: "(not shown: it may be a key)": names no file: file name too long`},
		{"a key of one byte", "claim:", "proof: Always\n  keyFile: testdata/same/a\n  claim:",
			`p.yaml: spec.keyFile: Invalid value: "testdata/same/a": read key testdata/same/a: is one byte again and again: make a random key, for instance with: openssl rand -hex 32`},
		{"a short key", "claim:", "proof: Always\n  keyFile: testdata/short/a\n  claim:", `p.yaml: spec.keyFile: Invalid value: "testdata/short/a": read key testdata/short/a: has 31 bytes without its last newline, and a key has at least 32`},
		{"a short key beside a good one", "claim:", "proof: Always\n  keyFile: testdata/short\n  claim:", `p.yaml: spec.keyFile: Invalid value: "testdata/short": read key testdata/short/a: has 31 bytes without its last newline, and a key has at least 32`},
		{"a directory without keys", "claim:", "proof: Always\n  keyFile: testdata/nokeys\n  claim:", `p.yaml: spec.keyFile: Invalid value: "testdata/nokeys": read keys testdata/nokeys: the directory holds no key`},
		{"an illegal default user", "claim:", "defaultUser: a.b\n  claim:", `p.yaml: spec.defaultUser: Invalid value: "a.b": has characters other than A-Z, a-z, 0-9, _ and - (see idCharacters)`},
		{"a default user without threads", `{root: deer-flow, userData: "users/{user}/threads/{thread}/user-data"}`, "{userData: 'home/{user}'}\n  proof: Never\n  defaultUser: nobody", `p.yaml: spec.defaultUser: Invalid value: "nobody": must be empty where the user-data directory has no {thread}: all sandboxes that name no user would share it`},
		{"a directory by thread alone", "{root:", "{directories: [{path: 'a/{thread}', access: ReadOnly}], root:", `p.yaml: spec.layout.directories[0].path: Invalid value: "a/{thread}": must contain {user} beside {thread}: threads of different users may carry the same id`},
		{"a directory of old by user", "{root:", "{legacyUserData: '{user}/{thread}', root:", `p.yaml: spec.layout.legacyUserData: Invalid value: "{user}/{thread}": must contain {thread} and not {user}: list what names a user under directories`},
		{"a directory of old by nobody", "{root:", "{legacyUserData: data, root:", `p.yaml: spec.layout.legacyUserData: Invalid value: "data": must contain {thread} and not {user}: list what names a user under directories`},
		{"a directory of old that is no path", "{root:", "{legacyUserData: /x, root:", `p.yaml: spec.layout.legacyUserData: Invalid value: "/x": must be relative, without empty segments or a slash at the end`},
		{"a directory of old like a user's", "{root:", "{legacyUserData: 'users/{thread}/threads/x/user-data', root:", `p.yaml: spec.layout.legacyUserData: Invalid value: "users/{thread}/threads/x/user-data": users/{user}/threads/{thread}/user-data and users/{thread}/threads/x/user-data could be one directory, of different identities`},
		{"a second policy with another proof", "\napi", strings.Replace(second, "claim: other", "claim: other\n  proof: Always", 1) + "---\napi", `p.yaml: spec.proof: Invalid value: "Adopted": must be as in policy second, which governs Pods of the same namespace`},
		{"a second policy with other places of identities", "\napi", strings.Replace(second, "claim: other", "claim: other\n  identityFrom: [Mounts, Label, Annotation]", 1) + "---\napi",
			`p.yaml: spec.identityFrom: Invalid value: ["Label","Annotation","Mounts"]: must be as in policy second, which governs Pods of the same namespace`},
		{"a second policy with other texts of proofs", "\napi", strings.Replace(second, "claim: other", "claim: other\n  proofOf: [\"v2:{user}:{thread}\"]", 1) + "---\napi",
			`p.yaml: spec.proofOf: Invalid value: ["{user}:{thread}"]: must be as in policy second, which governs Pods of the same namespace`},
		{"a second policy without threads whose proofs could be the first's", "\napi", strings.NewReplacer("claim: other", "claim: other\n  proofOf: [\"v2:{user}\"]", "users/{user}/threads/{thread}/user-data", "home/{user}").Replace(second) + "---\napi",
			`p.yaml: spec.proofOf[0]: Invalid value: "{user}:{thread}": could be the same text as "v2:{user}" of policy second, which governs Pods of the same namespace`},
		{"a second policy with another default user", "\napi", strings.Replace(second, "claim: other", "claim: other\n  defaultUser: x", 1) + "---\napi", `p.yaml: spec.defaultUser: Invalid value: "": must be as in policy second, which governs Pods of the same namespace`},
		{"the same name twice", "\napi", minimal + "---\napi", `p.yaml: metadata.name: Duplicate value: "deer-flow"`},
		{"several mistakes, all of them", "claim: deer-flow-home", "claim: ''\n  userKey: ''", "p.yaml: spec.claim: Required value\n" +
			"p.yaml: spec.userKey: Invalid value: \"\": name part must be non-empty\n" +
			"p.yaml: spec.userKey: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"},
		{"several unknown fields, all of them", "claim:", "a: 1\n  b: 2\n  claim:", "p.yaml: unknown field \"spec.a\"\np.yaml: unknown field \"spec.b\""},
		{"nothing", minimal, "# nothing\n", `p.yaml: holds no policy: want a document with apiVersion: userscope.dev/v1alpha1 and kind: Policy`},
		{"a second policy with another selector", "\napi", strings.Replace(second, "app: deer", "app: other", 1) + "---\napi", `p.yaml: spec.selector: Invalid value: "app=deer-flow-sandbox": must be as in policy second, which governs Pods of the same namespace`},
		{"a second policy with the same claim", "\napi", strings.Replace(second, "claim: other", "claim: deer-flow-home", 1) + "---\napi", `p.yaml: spec.claim: Invalid value: "deer-flow-home": is taken by policy second, which governs Pods of the same namespace`},
		{"a second policy with the same volume", "\napi", strings.Replace(second, "userDataVolume: other", "", 1) + "---\napi", `p.yaml: spec.userDataVolume: Invalid value: "user-data": is taken by policy second, which governs Pods of the same namespace`},
		{"a mistake in one of two documents", "\napi", strings.Replace(second, "name: second", "name: ''", 1) + "---\napi", `p.yaml: document 1: metadata.name: Required value`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(minimal, test.old, test.new, 1)
			if text == minimal {
				t.Fatalf("the minimal policy has no %q", test.old)
			}
			policies, err := Parse("p.yaml", []byte(text))
			if err == nil {
				t.Fatalf("accepted as %+v", *policies[0])
			}
			if err.Error() != test.want {
				t.Errorf("got  %s\nwant %s", err, test.want)
			}
		})
	}
}

func TestTwoPoliciesOfOneNamespace(t *testing.T) {
	second := strings.NewReplacer("name: deer-flow", "name: second", "claim: deer-flow-home", "claim: other",
		"layout:", "userDataVolume: other\n  userDataMountPath: /other\n  layout:").Replace(minimal)
	policies, err := Parse("p.yaml", []byte("# first\n---"+minimal+"---"+second+"---\n# the end\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(policies) != 2 || policies[0].Name != "deer-flow" || policies[1].Name != "second" {
		t.Errorf("got %d policies", len(policies))
	}
}

func TestUnreadableFile(t *testing.T) {
	_, err := File("testdata/missing.yaml")
	if want := "policy file: open testdata/missing.yaml: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestKeys(t *testing.T) {
	tests := []struct {
		name, file string
		want       []string
	}{
		{"a file", "testdata/keys/a", []string{"0123456789abcdef0123456789abcdef"}},
		{"only one newline is cut", "testdata/keys/b", []string{"another-key-of-the-gateway-32-by\n"}},
		{"a directory, by name", "testdata/keys", []string{"0123456789abcdef0123456789abcdef", "another-key-of-the-gateway-32-by\n"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			policies, err := Parse("p.yaml", []byte(strings.Replace(minimal, "claim:", "proof: Always\n  keyFile: "+test.file+"\n  claim:", 1)))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, key := range policies[0].Keys {
				got = append(got, string(key))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
