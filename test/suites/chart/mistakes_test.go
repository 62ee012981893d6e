package chart

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"userscope.dev/userscope/webhook/policy/load"
)

// deerFlow is DeerFlow's policy, as far as it must be said, with one part replaced.
func deerFlow(old, replacement string) string {
	const policy = `
policies:
- name: deer-flow
  spec:
    namespaces: [deer-flow]
    claim: deer-flow-home
    selector: {app: deer-flow-sandbox}
    layout: {userData: "users/{user}/threads/{thread}/user-data"}
`
	replaced := strings.Replace(policy, old, replacement, 1)
	if replaced == policy {
		panic("the policy has no " + old)
	}
	return replaced
}

// withExempt is DeerFlow's policy with exempt creators.
func withExempt(creators string) string {
	return strings.TrimPrefix(deerFlow("claim:", "exemptCreators: {"+creators+"}\n    claim:"), "\npolicies:")
}

// What a value is by default nobody gets by saying null: Helm takes the value away then, which would
// open a port here and leave out a policy there. The few that may be missing stand for nothing else.
func TestNull(t *testing.T) {
	mayBeNull := []string{
		"keys", "image.tag", "image.digest", "imagePullSecrets", "port", "networkPolicy.webhookFrom", "networkPolicy.healthFrom",
		"resources", "issuerResources", "nodeSelector", "tolerations", "affinity", "podAnnotations", "createNamespace",
		"migration.enabled", "migration.policy", "migration.namespace", "migration.owners.file", "migration.args", "migration.takeLockOf", "migration.forgetGone", "migration.resources",
		"monitoring.podMonitor.enabled", "monitoring.serviceMonitor.enabled", "monitoring.prometheusRule.enabled", "monitoring.dashboard.enabled",
	}
	const all = "{migration: {enabled: true}, " +
		"monitoring: {podMonitor: {enabled: true}, serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboard: {enabled: true}}}"
	names := map[string]bool{}
	for _, value := range described(t) {
		keys := strings.Split(value.name, ".")
		for i := range keys {
			names[strings.Join(keys[:i+1], ".")] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		rendered, problem, err := template(t, all, "--set", name+"=null")
		switch missing := fmt.Sprintf("missing property '%s'", name[strings.LastIndex(name, ".")+1:]); {
		case slices.Contains(mayBeNull, name) && err != nil:
			t.Errorf("%s: %v\n%s", name, err, problem)
		case !slices.Contains(mayBeNull, name) && err == nil:
			t.Errorf("%s: is rendered:\n%s", name, rendered)
		case !slices.Contains(mayBeNull, name) && !strings.Contains(problem, missing):
			t.Errorf("%s: helm says:\n%s\nwant: %s", name, problem, missing)
		}
	}
}

// A key is mounted where nothing of the webhook's is, neither over it nor below it nor above it.
func TestKeysCoverNothing(t *testing.T) {
	dockerfile := regexp.MustCompile(`(?m)^ENTRYPOINT \["(.+)"\]$`).FindStringSubmatch(read(t, "Dockerfile"))
	if dockerfile == nil {
		t.Fatal("the Dockerfile does not say where the program is")
	}
	taken := []string{dockerfile[1]}
	for _, mount := range deployments(t, "")["userscope-webhook"].Spec.Template.Spec.Containers[0].VolumeMounts {
		taken = append(taken, mount.MountPath)
	}
	if len(taken) != 3 {
		t.Errorf("of the webhook's are %q", taken)
	}
	for _, file := range taken {
		for _, key := range []string{file, file + "/keys", filepath.Dir(file)} {
			if key == "/" {
				continue // which is no path of a key at all
			}
			_, problem, err := template(t, "keys: [{secretName: keys, mountPath: "+key+"}]")
			if err == nil || !strings.Contains(problem, fmt.Sprintf("keys[0].mountPath: %q would cover ", key)) {
				t.Errorf("a key at %s: %v\n%s", key, err, problem)
			}
		}
		beside := file + "-keys"
		if _, problem, err := template(t, "keys: [{secretName: keys, mountPath: "+beside+"}]"); err != nil {
			t.Errorf("a key at %s: %v\n%s", beside, err, problem)
		}
	}
}

// A mistake is refused by a message that names the value.
func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		name, values, want string
	}{
		{"no policy", "policies: []", "at '/policies': minItems"},
		{"an empty claim", deerFlow("deer-flow-home", `""`), "at '/policies/0/spec/claim': minLength: got 0, want 1"},
		{"no claim", deerFlow("claim: deer-flow-home", ""), "at '/policies/0/spec': missing property 'claim'"},
		{"a claim that cannot be", deerFlow("deer-flow-home", "Deer_Flow"), "at '/policies/0/spec/claim': 'Deer_Flow' does not match pattern"},
		{"no namespace", deerFlow("[deer-flow]", "[]"), "at '/policies/0/spec/namespaces': minItems"},
		{
			"Userscope's own namespace", deerFlow("[deer-flow]", "[deer-flow, userscope-system]"),
			`policies[0].spec.namespaces[1]: "userscope-system" is Userscope's own namespace`,
		},
		{
			"the cluster's namespace", deerFlow("[deer-flow]", "[kube-system]"),
			`policies[0].spec.namespaces[0]: "kube-system" is the cluster's own namespace`,
		},
		{
			"an exempt ServiceAccount of a governed namespace", "policies:" + jupyterHub + withExempt("users: [system:serviceaccount:kube-system:hub, system:serviceaccount:hub:backup]"),
			`policies[1].spec.exemptCreators.users[1]: "system:serviceaccount:hub:backup" is a ServiceAccount of the governed namespace hub`,
		},
		{
			"all ServiceAccounts of a governed namespace exempt", "policies:" + jupyterHub + withExempt("groups: [system:serviceaccounts:kube-system, system:serviceaccounts:hub]"),
			`policies[1].spec.exemptCreators.groups[1]: "system:serviceaccounts:hub" contains every ServiceAccount of a governed namespace`,
		},
		{
			"all ServiceAccounts exempt", "policies:" + withExempt("groups: [system:serviceaccounts]"),
			`policies[0].spec.exemptCreators.groups[0]: "system:serviceaccounts" contains every ServiceAccount`,
		},
		{
			"everybody exempt", "policies:" + withExempt("groups: [system:masters, system:authenticated]"),
			`policies[0].spec.exemptCreators.groups[1]: "system:authenticated" contains every ServiceAccount`,
		},
		{
			"an exempt provisioner", "policies:" + strings.Replace(withExempt("users: [backup, spawner]"), "claim:", "provisioners: [spawner]\n    claim:", 1),
			`policies[0].spec.exemptCreators.users[1]: "spawner" is also one of the provisioners`,
		},
		{"no selector", deerFlow("{app: deer-flow-sandbox}", "{}"), "at '/policies/0/spec/selector': minProperties"},
		{
			"a label of the selector as the sandbox id", deerFlow("claim:", "sandboxIDKey: app\n    claim:"),
			`policies[0].spec.sandboxIDKey: "app" is also a label of the selector`,
		},
		{
			"a selector of the sandbox id", deerFlow("{app: deer-flow-sandbox}", "{app: deer-flow-sandbox, sandbox-id: x}"),
			`policies[0].spec.sandboxIDKey: "sandbox-id" is also a label of the selector`,
		},
		{
			"one key for user and thread", deerFlow("claim:", "userKey: thread-id\n    claim:"),
			`policies[0].spec.threadKey: "thread-id" is also a label of the selector, another key`,
		},
		{
			"the marker as the user's key", deerFlow("claim:", "userKey: userscope.dev/policies\n    claim:"),
			`policies[0].spec.userKey: "userscope.dev/policies" is also a label of the selector, another key, the marker or a stamp`,
		},
		{
			"a stamp as the user's key", deerFlow("claim:", "userKey: userscope.dev/user\n    claim:"),
			`policies[0].spec.userKey: "userscope.dev/user" is also a label of the selector, another key, the marker or a stamp`,
		},
		{"an unknown place of identities", deerFlow("claim:", "identityFrom: [Env]\n    claim:"), "value must be one of 'Label', 'Annotation', 'Mounts'"},
		{"no place of identities", deerFlow("claim:", "identityFrom: []\n    claim:"), "minItems: got 0, want 1"},
		{
			"nothing adopted that could be proved", deerFlow("claim:", "identityFrom: [Label]\n    claim:"),
			`policies[0].spec.identityFrom: ["Label"] must have Mounts where proof is Adopted`,
		},
		{
			"a default user whom no annotation tells", deerFlow("claim:", "identityFrom: [Label, Mounts]\n    defaultUser: x\n    claim:"),
			`policies[0].spec.defaultUser: "x" needs Annotation in identityFrom, before Mounts`,
		},
		{
			"a text of proofs without a thread", deerFlow("claim:", "proofOf: [\"{user}\"]\n    claim:"),
			`policies[0].spec.proofOf[0]: "{user}" must hold {thread} once, as the layout has threads`,
		},
		{
			"a text of proofs for two identities", deerFlow("claim:", "proofOf: [\"a:{user}:{thread}\", \"{thread}:{user}:b\"]\n    claim:"),
			`policies[0].spec.proofOf[1]: "{thread}:{user}:b" could be the same text as "a:{user}:{thread}", of another identity`,
		},
		{"a text of proofs without a user", deerFlow("claim:", "proofOf: [\"x:{thread}\"]\n    claim:"), "does not match pattern"},
		{"an unknown key", "prot: 10250", "additional properties 'prot' not allowed"},
		{"an unknown key below", "image: {digset: x}", "at '/image': additional properties 'digset' not allowed"},
		{"an unknown key of a policy", deerFlow("claim:", "clam: x\n    claim:"), "at '/policies/0/spec': additional properties 'clam' not allowed"},
		{
			"a pattern that is no regular expression", deerFlow("claim:", "userPattern: \"[a-\"\n    claim:"),
			"at '/policies/0/spec/userPattern': '[a-' is not valid regex",
		},
		{
			"a pattern that takes its anchors for its own text", deerFlow("claim:", "threadPattern: '\\Qa'\n    claim:"),
			"error parsing regexp: missing closing ): `^(?:\\Qa)$`",
		},
		{
			"a user-data directory for all", deerFlow("users/{user}/threads/{thread}/user-data", "users/all"),
			"at '/policies/0/spec/layout/userData': 'users/all' does not match pattern",
		},
		{
			"a directory that all write to", deerFlow("layout: {", "layout: {directories: [{path: a, access: ReadOnly}, {path: b, access: ReadWrite}], "),
			"at '/policies/0/spec/layout/directories/1/path': 'b' does not match pattern '(^|/)\\\\{user\\\\}(/|$)'",
		},
		{
			"a directory of one user that all write to", deerFlow("layout: {", "layout: {directories: [{path: 'a/{user}', access: ReadWrite, sharedByAll: true}], "),
			"at '/policies/0/spec/layout/directories/0/path': 'not' failed",
		},
		{
			"every CSI driver", deerFlow("claim:", "allow: {volumeTypes: [csi]}\n    claim:"),
			"at '/policies/0/spec/allow/volumeTypes/0': 'not' failed",
		},
		{
			"an unknown fate of mounts of others' data", deerFlow("claim:", "onOtherIdentity: Ignore\n    claim:"),
			"at '/policies/0/spec/onOtherIdentity': value must be one of 'Rewrite', 'Refuse'",
		},
		{
			"a placeholder in a segment", deerFlow("users/{user}/threads/{thread}/user-data", "users/u-{user}"),
			"at '/policies/0/spec/layout/userData': 'users/u-{user}' does not match pattern",
		},
		{
			"a user-data directory by a way round", deerFlow("users/{user}/threads/{thread}/user-data", "users/{user}/../all"),
			"at '/policies/0/spec/layout/userData': 'users/{user}/../all' does not match pattern",
		},
		{
			"a user-data directory of old that names a user", deerFlow("layout: {", "layout: {legacyUserData: \"{user}/{thread}\", "),
			"at '/policies/0/spec/layout/legacyUserData': '{user}/{thread}' does not match pattern",
		},
		{
			"a root with a user", deerFlow("layout: {", "layout: {root: \"of/{user}\", "),
			"at '/policies/0/spec/layout/root': 'of/{user}' does not match pattern",
		},
		{
			"a default user that is no id", deerFlow("claim:", "defaultUser: a.b\n    claim:"),
			"at '/policies/0/spec/defaultUser': 'a.b' does not match pattern",
		},
		{
			"a capability that owns the node", deerFlow("claim:", "allow: {capabilities: [NET_RAW, SYS_ADMIN]}\n    claim:"),
			"at '/policies/0/spec/allow/capabilities/1': value must be one of 'NET_ADMIN', 'NET_RAW'",
		},
		{
			"an owner of the group apps", deerFlow("claim:", "allow: {controllerOwners: [Sandbox.agents.x-k8s.io, Deployment.apps]}\n    claim:"),
			"at '/policies/0/spec/allow/controllerOwners/1': 'Deployment.apps' does not match pattern",
		},
		{
			"an owner of the group core", deerFlow("claim:", "allow: {controllerOwners: [Pod.core]}\n    claim:"),
			"at '/policies/0/spec/allow/controllerOwners/0': 'Pod.core' does not match pattern",
		},
		{
			"a ReplicaSet of another group", deerFlow("claim:", "allow: {controllerOwners: [ReplicaSet.example.com]}\n    claim:"),
			"at '/policies/0/spec/allow/controllerOwners/0': 'not' failed",
		},
		{"a label without values", deerFlow("claim:", "allow: {labels: {team: []}}\n    claim:"), "at '/policies/0/spec/allow/labels/team': minItems: got 0, want 1"},
		{"a label that is none", deerFlow("claim:", "allow: {labels: {a b: [x]}}\n    claim:"), "at '/policies/0/spec/allow/labels': additional properties 'a b' not allowed"},
		{"a value that no label has", deerFlow("claim:", "allow: {labels: {team: ['**']}}\n    claim:"), "at '/policies/0/spec/allow/labels/team/0'"},
		{
			"every value and one more", deerFlow("claim:", "allow: {labels: {team: [red, '*']}}\n    claim:"),
			`policies[0].spec.allow.labels[team]: "*" stands for every value: list it alone`,
		},
		{
			"every value of app", deerFlow("claim:", "allow: {labels: {app: ['*']}}\n    claim:"),
			`policies[0].spec.allow.labels[app]: "*" must not be listed for a label by which Services and controllers select Pods`,
		},
		{
			"every value of a recommended label", deerFlow("claim:", "allow: {labels: {app.kubernetes.io/instance: ['*']}}\n    claim:"),
			`policies[0].spec.allow.labels[app.kubernetes.io/instance]: "*" must not be listed`,
		},
		{
			"the label of a Deployment's Pods", deerFlow("claim:", "allow: {labels: {pod-template-hash: [x]}}\n    claim:"),
			`policies[0].spec.allow.labels[pod-template-hash]: must not be listed`,
		},
		{
			"an annotation that needs no permission", deerFlow("claim:", "allow: {annotations: [note]}\n    claim:"),
			"at '/policies/0/spec/allow/annotations/0': 'note' does not match pattern",
		},
		{
			"a selector for want of a label", deerFlow("{app: deer-flow-sandbox}", "{matchExpressions: [{key: app, operator: NotIn, values: [gateway]}]}"),
			"at '/policies/0/spec/selector/matchExpressions/0/operator': value must be one of 'In', 'Exists'",
		},
		{
			"a selector of no values", deerFlow("{app: deer-flow-sandbox}", "{matchExpressions: [{key: app, operator: In, values: []}]}"),
			"at '/policies/0/spec/selector/matchExpressions/0/values': minItems: got 0, want 1",
		},
		{
			"a selector of all Pods", deerFlow("{app: deer-flow-sandbox}", "{matchLabels: {}}"),
			"at '/policies/0/spec/selector/matchLabels': minProperties: got 0, want 1",
		},
		{
			"an unknown part of a selector", deerFlow("{app: deer-flow-sandbox}", "{matchLabels: {app: a}, matchFields: {}}"),
			"at '/policies/0/spec/selector': additional properties 'matchFields' not allowed",
		},
		{
			"a label twice in a selector", deerFlow("{app: deer-flow-sandbox}", "{matchLabels: {app: a}, matchExpressions: [{key: app, operator: Exists}]}"),
			`policies: deer-flow: spec.selector.matchExpressions: "app" is there twice`,
		},
		{
			"a key that a selector's requirement has", deerFlow("{app: deer-flow-sandbox}", "{matchExpressions: [{key: user-id, operator: Exists}]}"),
			`policies[0].spec.userKey: "user-id" is also a label of the selector, another key, the marker or a stamp`,
		},
		{"a proof that is not known", deerFlow("claim:", "proof: Sometimes\n    claim:"), "at '/policies/0/spec/proof': value must be one of 'Adopted', 'Always', 'Never'"},
		{
			"a name that is too long for what is named after it", deerFlow("name: deer-flow", "name: "+strings.Repeat("a", 228)),
			"at '/policies/0/name': maxLength: got 228, want 227",
		},
		{"two policies of one name", "policies:" + jupyterHub + jupyterHub, "at '/policies': items at 0 and 1 are equal"},
		{
			"two different policies of one name", "policies:" + jupyterHub + strings.Replace(jupyterHub, "homes", "others", 1),
			`policies[1].name: "jupyterhub" is there twice`,
		},
		{
			"a key that is not mounted", "policies:" + withKey + "keys: [{secretName: keys, mountPath: /etc/keys}]",
			"policies[0].spec.keyFile: is neither a mountPath of keys nor a file in one",
		},
		{
			"a key where its file belongs", deerFlow("claim:", "keyFile: 9aF3kQ7tLm2VxR8cYb5WnD1sHg6JpZ4e\n    claim:"),
			"policies[0].spec.keyFile: is neither a mountPath of keys nor a file in one",
		},
		{"two keys at one path", "keys: [{secretName: a, mountPath: /keys}, {secretName: b, mountPath: /keys}]", `keys[1].mountPath: "/keys" is there twice`},
		{"a key where API servers mount nothing", "keys: [{secretName: a, mountPath: \"/keys:a\"}]", "at '/keys/0/mountPath': '/keys:a' does not match pattern"},
		{
			"user data where API servers mount nothing", deerFlow("claim:", "userDataMountPath: \"/mnt:data\"\n    claim:"),
			"at '/policies/0/spec/userDataMountPath': '/mnt:data' does not match pattern",
		},
		{"keys in one another", "keys: [{secretName: a, mountPath: /keys/a}, {secretName: b, mountPath: /keys}]", `keys[1].mountPath: "/keys" would cover "/keys/a", or lie in it`},
		{"keys by a way round", "keys: [{secretName: a, mountPath: /keys/../userscope}]", "at '/keys/0/mountPath': '/keys/../userscope' does not match pattern"},
		{"the kubelet's port", "{hostNetwork: true, port: 10250}", "port: 10250 is the kubelet's on the nodes' network"},
		{"the kubelet's port for health", "{hostNetwork: true, healthPort: 10250}", "healthPort: 10250 is the kubelet's on the nodes' network"},
		{"root's port", "{hostNetwork: true, port: 443}", "at '/port': minimum: got 443, want 1,024"},
		{"root's port for health", "{hostNetwork: true, healthPort: 1023}", "at '/healthPort': minimum: got 1,023, want 1,024"},
		{"one port for both", "healthPort: 10250", "healthPort: 10250 is the webhook's port"},
		{"a port that cannot be", "port: 65536", "at '/port'"},
		{"clients of any name", `clientCertificates: {ca: "-----BEGIN CERTIFICATE-----"}`, "clientCertificates: ca and names go together"},
		{"clients of any CA", "clientCertificates: {names: [a]}", "clientCertificates: ca and names go together"},
		{"a CA in base64", "clientCertificates: {ca: LS0tLS1CRUdJTg==, names: [a]}", "at '/clientCertificates/ca': 'LS0tLS1CRUdJTg==' does not match pattern"},
		{"two names in one", `clientCertificates: {ca: "-----BEGIN CERTIFICATE-----", names: ["a,b"]}`, "at '/clientCertificates/names/0': 'a,b' does not match pattern"},
		{"an argument that is none", "webhookArgs: [40000]", "at '/webhookArgs/0'"},
		{"every port of every host for the issuer", "networkPolicy: {apiServerPorts: null}", "at '/networkPolicy': missing property 'apiServerPorts'"},
		{
			"addresses by label", "networkPolicy: {webhookFrom: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}",
			"at '/networkPolicy/webhookFrom/0': maxProperties: got 2, want 1",
		},
		{
			"devices that no Pod claims", "issuerResources: {claims: [{name: gpu}]}",
			"at '/issuerResources': additional properties 'claims' not allowed",
		},
		{"no replica", "replicas: 0", "at '/replicas': minimum: got 0, want 1"},
		{"certificates of nobody", "certificates: {mode: none}", "at '/certificates/mode': value must be one of 'issuer', 'certManager', 'existingSecret'"},
		{
			"the issuer's Secret", "certificates: {mode: existingSecret, existingSecret: {name: userscope-tls, caBundle: " + certificate + "}}",
			`certificates.existingSecret.name: "userscope-tls" is the issuer's`,
		},
		{
			"the issuer's other Secret", "certificates: {mode: existingSecret, existingSecret: {name: userscope-issuer-ca, caBundle: " + certificate + "}}",
			`certificates.existingSecret.name: "userscope-issuer-ca" is the issuer's`,
		},
		{"no existing Secret", "certificates: {mode: existingSecret}", "at '/certificates/existingSecret/name': minLength: got 0, want 1"},
		{
			"an existing Secret that nobody trusts", "certificates: {mode: existingSecret, existingSecret: {name: ours, caBundle: bm9uZQ==}}",
			`certificates.existingSecret.caBundle: "bm9uZQ==" is not the base64 of a PEM certificate`,
		},
		{
			"half an issuer", "certificates: {mode: certManager, certManager: {issuerRef: {kind: ClusterIssuer}}}",
			"at '/certificates/certManager/issuerRef'",
		},
		{"a label that selects other Pods", "podLabels: {app.kubernetes.io/name: other}", "podLabels[app.kubernetes.io/name]: is what the Pods are selected by"},
		{"a label that cannot be", "nodeSelector: {a b: c}", "at '/nodeSelector': additional properties 'a b' not allowed"},
		{"a label of no domain", "nodeSelector: {a..b/c: d}", "at '/nodeSelector': additional properties 'a..b/c' not allowed"},
		{"a key of no domain", deerFlow("claim:", "userKey: a-.b/c\n    claim:"), "at '/policies/0/spec/userKey': 'a-.b/c' does not match pattern"},
		{"the migration of no policy", "migration: {enabled: true, policy: deerflow}", `migration.policy: "deerflow" is none of policies`},
		{"the migration in no namespace", "migration: {enabled: true, namespace: default}", `migration.namespace: "default" is none of the policy's namespaces`},
		{
			"a migration with two lists of owners", "migration: {enabled: true, owners: {file: owners.csv, postgres: {name: database, key: url}}}",
			`migration.owners: names both the file "owners.csv" and PostgreSQL: name one`,
		},
		{"owners beside the claim", "migration: {owners: {file: ../owners.csv}}", "at '/migration/owners/file'"},
		{"half a Secret", "migration: {owners: {postgres: {name: database}}}", "at '/migration/owners/postgres'"},
		{"a digest that is none", "image: {digest: latest}", "at '/image/digest': 'latest' does not match pattern"},
	} {
		t.Run(test.name, func(t *testing.T) {
			rendered, problem, err := template(t, test.values)
			if err == nil {
				t.Fatalf("is rendered:\n%s", rendered)
			}
			if !strings.Contains(problem, test.want) {
				t.Errorf("helm says:\n%s\nwant: %s", problem, test.want)
			}
		})
	}
	t.Run("the cluster's namespace as Userscope's", func(t *testing.T) {
		_, problem, err := template(t, "", "--namespace", "kube-system")
		if err == nil || !strings.Contains(problem, `namespace: "kube-system" is the cluster's own`) {
			t.Errorf("helm says: %v\n%s", err, problem)
		}
	})
	for _, namespace := range []string{"default", "kube-public", "kube-node-lease"} {
		t.Run("the namespace "+namespace+", made anew", func(t *testing.T) {
			_, problem, err := template(t, "createNamespace: true", "--namespace", namespace)
			if err == nil || !strings.Contains(problem, `createNamespace: "`+namespace+`" is there already`) {
				t.Errorf("helm says: %v\n%s", err, problem)
			}
			if _, problem, err := template(t, "", "--namespace", namespace); err != nil {
				t.Errorf("not even without it: %v\n%s", err, problem)
			}
		})
	}
	t.Run("an older Kubernetes", func(t *testing.T) {
		_, problem, err := template(t, "", "--kube-version", "1.29.9")
		if err == nil || !strings.Contains(problem, "chart requires kubeVersion: >=1.30-0") {
			t.Errorf("helm says: %v\n%s", err, problem)
		}
	})
	t.Run("what they are made of is none", func(t *testing.T) {
		render(t, deerFlow("deer-flow-home", "deer-flow-data"))
		render(t, deerFlow("claim:", "userKey: a-b.c/d\n    claim:"))
		render(t, deerFlow("claim:", "idCharacters: [\".\"]\n    defaultUser: a.b\n    claim:"))
		render(t, deerFlow("claim:", "proofOf: [\"{user}:{thread}\", \"mount-v2:{user}:{thread}\", \"mount/v3:{user}:{thread}\"]\n    claim:"))
		render(t, deerFlow("claim:", "identityFrom: [Annotation, Mounts]\n    defaultUser: x\n    claim:"))
		render(t, "policies:"+withExempt("users: [backup, system:serviceaccount:backup:backup], groups: [hub, system:serviceaccounts:backup]"))
	})
}

// What policies of one namespace must have in common for the webhook to take them, they must have for
// Helm to render them: the conditions would have it at once.
func TestPoliciesOfOneNamespace(t *testing.T) {
	const (
		alike = `
    selector: {app: sandbox}
    provisioners: [a, b]
    exemptCreators: {users: [c, d], groups: [e, f]}
    userKey: user
    threadKey: thread
    sandboxIDKey: sandbox
    layout: {userData: "{user}/{thread}"}
`
		first  = "policies:\n- name: first\n  spec:\n    namespaces: [left, middle]\n    claim: first" + alike
		second = "- name: second\n  spec:\n    namespaces: [middle, right]\n    claim: second" + alike
	)
	order := strings.NewReplacer("[a, b]", "[b, a]", "[c, d]", "[d, c]", "[e, f]", "[f, e]")
	render(t, first+order.Replace(second))
	render(t, first+strings.Replace(second, "sandboxIDKey: sandbox", "sandboxIDKey: sandbox\n    identityFrom: [Annotation, Label, Mounts]", 1))
	for _, test := range []struct{ old, replacement, field, value string }{
		{"app: sandbox", "app: other", "selector", `[{"key":"app","values":["other"]}]`},
		{"[a, b]", "[a]", "provisioners", `["a"]`},
		{"[c, d]", "[c, d, backup]", "exemptCreators.users", `["backup","c","d"]`},
		{"[e, f]", "[e, g]", "exemptCreators.groups", `["e","g"]`},
		{"userKey: user", "", "userKey", `"user-id"`},
		{"threadKey: thread", "threadKey: run", "threadKey", `"run"`},
		{"sandboxIDKey: sandbox", "sandboxIDKey: id", "sandboxIDKey", `"id"`},
		{"sandboxIDKey: sandbox", "sandboxIDKey: sandbox\n    identityFrom: [Annotation, Mounts, Label]", "identityFrom", `"Annotation,Mounts,Label"`},
		{"sandboxIDKey: sandbox", "sandboxIDKey: sandbox\n    proofOf: [\"x:{user}:{thread}\"]", "proofOf", `["x:{user}:{thread}"]`},
		{"sandboxIDKey: sandbox", "sandboxIDKey: sandbox\n    proof: Never", "proof", `"Never"`},
		{"sandboxIDKey: sandbox", "sandboxIDKey: sandbox\n    defaultUser: x", "defaultUser", `"x"`},
	} {
		other := strings.Replace(second, test.old, test.replacement, 1)
		_, problem, err := template(t, first+other)
		want := "policies[1].spec." + test.field + ": " + test.value + ` must be as in policy "first", which governs Pods of the same namespace`
		if err == nil || !strings.Contains(problem, want) {
			t.Errorf("%v: helm says:\n%s\nwant: %s", err, problem, want)
		}
		render(t, first+strings.Replace(other, "[middle, right]", "[right]", 1))
	}
}

// Policies that divide one base agree whether its filesystem tells A from a, wherever their Pods run.
func TestCaseOfSharedBases(t *testing.T) {
	policies := func(more string) string {
		return `
policies:
- name: first
  spec: {namespaces: [left], claim: first, selector: {app: a}, layout: {userData: "{user}/{thread}"}, hostPathBases: [/srv/data]}
- name: second
  spec: {namespaces: [right], claim: second, selector: {app: b}, layout: {userData: "{user}/{thread}"}, ` + more + `}
`
	}
	render(t, policies("hostPathBases: [/srv/data]"))
	render(t, policies("hostPathBases: [/srv/other], caseSensitive: false"))
	for _, bases := range []string{"[/srv/more, /srv/data]", "[/srv/data/more]"} {
		_, problem, err := template(t, policies("hostPathBases: "+bases+", caseSensitive: false"))
		const want = `policies[1].spec.caseSensitive: must be as in policy "first", which divides /srv/data of hostPathBases, too`
		if err == nil || !strings.Contains(problem, want) {
			t.Errorf("%s: %v: helm says:\n%s\nwant: %s", bases, err, problem, want)
		}
	}
}

// What a policy allows is refused by Helm as the webhook refuses it.
func TestMistakesInAllow(t *testing.T) {
	policies := func(allow string) string {
		return `
policies:
- name: first
  spec: {namespaces: [left], claim: first, selector: {app: a}, layout: {userData: "{user}/{thread}"}, allow: {` + allow + `}}
`
	}
	for _, good := range []string{
		"maxPriority: 1000000000", "tolerations: [{operator: Exists}, {key: a}, {key: a, value: b, effect: NoExecute, tolerationSeconds: 5}]",
		"hostnames: [hostname, subdomain, setHostnameAsFQDN, hostnameOverride]", "configMaps: []", "storageClasses: [fast]",
	} {
		render(t, policies(good))
	}
	for bad, want := range map[string]string{
		"maxPriority: -1":                                         "maxPriority",
		"maxPriority: 1000000001":                                 "maxPriority",
		"tolerations: [{key: a, operator: Gt}]":                   "tolerations/0",
		"tolerations: [{effect: NoExecute}]":                      "tolerations/0",
		"tolerations: [{key: a, operator: Exists, value: b}]":     "tolerations/0",
		"tolerations: [{key: a, effect: NoSchedule}]":             "tolerations/0",
		"tolerations: [{operator: Exists, tolerationSeconds: 5}]": "tolerations/0",
		"tolerations: [{keys: a, operator: Exists}]":              "tolerations/0",
		"hostnames: [name]":                                       "hostnames/0",
		"configMaps: ['*']":                                       "configMaps/0",
		"storageClasses: ['']":                                    "storageClasses/0",
		"imagePullSecrets: [A]":                                   "imagePullSecrets/0",
	} {
		if _, problem, err := template(t, policies(bad)); err == nil || !strings.Contains(problem, want) {
			t.Errorf("%s: %v: helm says:\n%s", bad, err, problem)
		}
	}
}

// No path of the nodes is rendered through which one can be read or ruled, or that shows what a policy
// divides among its users: the backstop would let it pass.
func TestPathsOfTheNodes(t *testing.T) {
	refused := func(policies, want string) {
		t.Helper()
		if _, problem, err := template(t, policies); err == nil || !strings.Contains(problem, want) {
			t.Errorf("%v: helm says:\n%s\nwant: %s", err, problem, want)
		}
	}
	names := load.NodesOwn()
	for _, file := range names {
		near := file + "/x"
		refused(deerFlow("claim:", "allow: {hostPaths: [/srv, "+near+"]}\n    claim:"),
			fmt.Sprintf("policies[0].spec.allow.hostPaths[1]: %q and %q lie inside one another", near, file))
		round := strings.TrimSuffix(filepath.Dir(file), "/") + "/./" + filepath.Base(file)
		refused(deerFlow("claim:", "allow: {hostPaths: [/srv, "+round+"]}\n    claim:"),
			fmt.Sprintf("at '/policies/0/spec/allow/hostPaths/1': '%s' does not match pattern", round))
		refused(deerFlow("claim:", "hostPathBases: [/srv, "+file+"]\n    claim:"),
			fmt.Sprintf("policies[0].spec.hostPathBases[1]: %q and %q lie inside one another", file, file))
		render(t, deerFlow("claim:", "hostPathBases: ["+file+"-x]\n    allow: {hostPaths: ["+file+"-y]}\n    claim:"))
	}
	if len(names) < 5 {
		t.Errorf("the nodes' own are %q", names)
	}

	divided := "policies:" + jupyterHub + "    hostPathBases: [/srv/homes]\n"
	for _, near := range []string{"/srv", "/srv/homes", "/srv/homes/home"} {
		listing := strings.TrimPrefix(deerFlow("claim:", "allow: {hostPaths: [/opt, "+near+"]}\n    claim:"), "\npolicies:")
		refused(divided+listing, fmt.Sprintf("policies[1].spec.allow.hostPaths[1]: %q and \"/srv/homes\" lie inside one another", near))
	}
	render(t, divided+strings.TrimPrefix(deerFlow("claim:", "allow: {hostPaths: [/srv/home]}\n    claim:"), "\npolicies:"))
}
