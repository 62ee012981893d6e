package oracle

import (
	"strings"
	"testing"
)

func TestAGoodPodPasses(t *testing.T) {
	pod := parse(sandbox)
	if findings := Judge([]Policy{policy()}, provisioner, pod, pod); len(findings) > 0 {
		t.Errorf("a good Pod is condemned:\n%s", strings.Join(findings, "\n"))
	}
}

// What the decision does is what the design has it do, so that none of it is a finding.
func TestWantedChangesPass(t *testing.T) {
	tests := []struct {
		name string
		sent []change
	}{
		{"no marker", []change{{"metadata/annotations/userscope.dev~policies", gone}}},
		{"a marker that somebody made up", []change{{"metadata/annotations/userscope.dev~policies", "mine"}}},
		{"a hostPath for user data", []change{{"spec/volumes/0", `{"name": "user-data", "hostPath": {"path": "/anywhere"}}`}}},
		{"another source beside the claim for user data", []change{{"spec/volumes/0/hostPath", `{"path": "/"}`}}},
		{"an unclean path of the node", []change{{"spec/volumes/3/hostPath/path", "//base/users/./alice/data/"}}},
		{"no subPath for user data", []change{{"spec/containers/0/volumeMounts/0/subPath", gone}}},
		{"another's subPath for user data", []change{{"spec/containers/0/volumeMounts/0/subPath", "deer-flow/users/bob/threads/-t1/user-data"}}},
		{"a subPathExpr for user data", []change{{"spec/containers/0/volumeMounts/0/subPath", gone}, {"spec/containers/0/volumeMounts/0/subPathExpr", "$(X)"}}},
		{"another spelling of the user-data path", []change{{"spec/containers/0/volumeMounts/0/mountPath", "mnt/./x/..//user-data/"}}},
		{"an unclean subPath", []change{{"spec/containers/0/volumeMounts/1/subPath", "./deer-flow//users/alice/threads/-t1/acp-workspace/"}}},
		{"an unclean mountPath", []change{{"spec/initContainers/0/volumeMounts/0/mountPath", "//data/"}}},
		{"write access to a ReadOnly directory", []change{{"spec/containers/0/volumeMounts/1/readOnly", false}, {"spec/containers/0/volumeMounts/2/readOnly", gone}}},
		{"write access to a listed hostPath", []change{{"spec/containers/0/volumeMounts/4/readOnly", gone}}},
		{"write access to a listed claim", []change{{"spec/volumes/2/persistentVolumeClaim/readOnly", gone}}},
		{"no fsGroupChangePolicy", []change{{"spec/securityContext/fsGroupChangePolicy", gone}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			final := parse(sandbox)
			if findings := Judge([]Policy{policy()}, provisioner, with(final, test.sent...), final); len(findings) > 0 {
				t.Errorf("condemned:\n%s", strings.Join(findings, "\n"))
			}
		})
	}
}

// Sent and let through as it is, each of these Pods breaks an invariant, and only the one.
func TestBrokenPodsAreCondemned(t *testing.T) {
	const (
		userData = "spec/containers/0/volumeMounts/0"
		acp      = "spec/containers/0/volumeMounts/1"
		public   = "spec/containers/0/volumeMounts/2"
		onNode   = "spec/containers/0/volumeMounts/3"
		skills   = "spec/containers/0/volumeMounts/4"
		inInit   = "spec/initContainers/0/volumeMounts/0"
		c        = "spec/containers/0/"
		ctx      = "spec/containers/0/securityContext"
	)
	tests := []struct {
		name    string
		changes []change
		want    string
	}{
		{"the whole claim", []change{{acp + "/subPath", gone}}, "I1"},
		{"the whole claim as user data", []change{{userData + "/subPath", ""}}, "I1"},
		{"the whole claim by a dot", []change{{acp + "/subPath", "."}}, "I1"},
		{"the whole claim in an init container", []change{{inInit + "/subPath", gone}}, "I1"},
		{"the root of the layout", []change{{acp + "/subPath", "deer-flow"}}, "I1"},
		{"another user", []change{{acp + "/subPath", "deer-flow/users/bob/threads/-t1/acp-workspace"}}, "I1"},
		{"another thread", []change{{acp + "/subPath", "deer-flow/users/alice/threads/t2/acp-workspace"}}, "I1"},
		{"above a directory", []change{{acp + "/subPath", "deer-flow/users/alice/threads/-t1"}}, "I1"},
		{"below a directory", []change{{acp + "/subPath", "deer-flow/users/alice/data/link"}}, "I1"},
		{"a longer name than a directory's", []change{{acp + "/subPath", "deer-flow/publications"}}, "I1"},
		{"without the root", []change{{acp + "/subPath", "public"}}, "I1"},
		{"below another root", []change{{acp + "/subPath", "deer-flow2/public"}}, "I1"},
		{"a slash at the end", []change{{acp + "/subPath", "deer-flow/public/"}}, "I1"},
		{"a template", []change{{acp + "/subPath", "deer-flow/users/{user}/data"}}, "I1"},
		{"a step back", []change{{acp + "/subPath", "deer-flow/users/../public"}}, "I1"},
		{"an absolute path", []change{{acp + "/subPath", "/deer-flow/public"}}, "I1"},
		{"an expression", []change{{inInit + "/subPathExpr", "$(X)"}}, "I1"},
		{"write access to a directory of the thread", []change{{acp + "/readOnly", false}}, "I1"},
		{"write access to what all share", []change{{public + "/readOnly", gone}}, "I1"},
		{"the claim under a harmless name", []change{{"spec/volumes/5", `{"name": "scratch", "persistentVolumeClaim": {"claimName": "home"}}`}}, "I1"},

		{"another directory as user data", []change{{userData + "/subPath", "deer-flow/users/alice/data"}}, "I2"},
		{"another spelling of the user-data path", []change{{userData + "/mountPath", "/mnt//user-data"}}, "I2"},
		{"a relative user-data path", []change{{userData + "/mountPath", "mnt/user-data"}}, "I2"},
		{"another directory by a spelling of the user-data path", []change{{inInit + "/mountPath", "/mnt/x/../user-data"}}, "I2"},
		{"a user-data volume on the node", []change{{"spec/volumes/0", `{"name": "user-data", "hostPath": {"path": "/skills"}}`}}, "I2"},

		{"a device of the claim", []change{{c + "volumeDevices", `[{"name": "more", "devicePath": "/dev/x"}]`}}, "I3"},
		{"a device in an init container", []change{{"spec/initContainers/0/volumeDevices", `[{"name": "made", "devicePath": "/dev/x"}]`}}, "I3"},
		{"an ephemeral container with the claim", []change{{"spec/ephemeralContainers", `[{"name": "e", "volumeMounts": [{"name": "more", "mountPath": "/x"}]}]`}}, "I3"},
		{"an ephemeral container with the listed claim", []change{{"spec/ephemeralContainers", `[{"name": "e", "volumeMounts": [{"name": "skills", "mountPath": "/x"}]}]`}}, "I3"},
		{"an ephemeral container with the node", []change{{"spec/ephemeralContainers", `[{"name": "e", "volumeMounts": [{"name": "node", "mountPath": "/x"}]}]`}}, "I3"},
		{"a clone", []change{{"spec/volumes/7/ephemeral/volumeClaimTemplate/spec/dataSource", `{"kind": "PersistentVolumeClaim", "name": "home"}`}}, "I3"},
		{"a clone by reference", []change{{"spec/volumes/7/ephemeral/volumeClaimTemplate/spec/dataSourceRef", `{"kind": "VolumeSnapshot", "name": "x"}`}}, "I3"},
		{"a volume by name", []change{{"spec/volumes/7/ephemeral/volumeClaimTemplate/spec/volumeName", "pv-1"}}, "I3"},
		{"a volume by selector", []change{{"spec/volumes/7/ephemeral/volumeClaimTemplate/spec/selector", `{}`}}, "I3"},

		{"a base of the node", []change{{"spec/volumes/3/hostPath/path", "/base"}}, "I4"},
		{"the parent of a base", []change{{"spec/volumes/3/hostPath/path", "/"}}, "I4"},
		{"another's directory of the node", []change{{"spec/volumes/3/hostPath/path", "/base/users/bob/data"}}, "I4"},
		{"below a directory of the node", []change{{"spec/volumes/3/hostPath/path", "/base/users/alice/data/x"}}, "I4"},
		{"below a listed path of the node", []change{{"spec/volumes/4/hostPath/path", "/skills/x"}}, "I4"},
		{"a step back on the node", []change{{"spec/volumes/4/hostPath/path", "/x/../skills"}}, "I4"},
		{"a path of the node that is not absolute", []change{{"spec/volumes/4/hostPath/path", "skills"}}, "I4"},
		{"a socket of the node", []change{{"spec/volumes/3/hostPath/type", "Socket"}}, "I4"},
		{"a part of the node's directory", []change{{onNode + "/subPath", "x"}}, "I4"},
		{"a part of the node's directory by expression", []change{{onNode + "/subPathExpr", "$(X)"}}, "I4"},
		{"write access to the node's shared directory", []change{{skills + "/readOnly", gone}}, "I4"},
		{"another claim", []change{{"spec/volumes/2/persistentVolumeClaim/claimName", "postgres"}}, "I4"},
		{"write access to a listed claim", []change{{"spec/volumes/2/persistentVolumeClaim/readOnly", false}}, "I4"},
		{"a volume type", []change{{"spec/volumes/6", `{"name": "share", "csi": {"driver": "x"}}`}}, "I4"},
		{"a volume type beside another", []change{{"spec/volumes/5/iscsi", `{"iqn": "x"}`}}, "I4"},
		{"a volume type of tomorrow", []change{{"spec/volumes/5", `{"name": "scratch", "tomorrow": {}}`}}, "I4"},
		{"an unknown field in a source", []change{{"spec/volumes/5/emptyDir/claimName", "home"}}, "I4"},
		{"an unknown field in a projection", []change{{"spec/volumes/8/projected/sources/2/configMap/from", "x"}}, "I4"},
		{"an unknown projection", []change{{"spec/volumes/8/projected/sources/2/tomorrow", `{}`}}, "I4"},
		{"an unknown field in a mount", []change{{acp + "/subPathFrom", "x"}}, "I4"},
		{"a field in another case", []change{{acp + "/SubPath", "x"}}, "I4"},
		{"a Secret in a volume", []change{{"spec/volumes/9/secret/secretName", "postgres"}}, "I4"},
		{"a Secret in a projection", []change{{"spec/volumes/8/projected/sources/4/secret/name", "postgres"}}, "I4"},
		{"a Secret in the environment", []change{{c + "env/1/valueFrom/secretKeyRef/name", "postgres"}}, "I4"},
		{"a Secret as the environment", []change{{c + "envFrom/0/secretRef/name", "postgres"}}, "I4"},
		{"a Secret in an init container's environment", []change{{"spec/initContainers/0/envFrom", `[{"secretRef": {"name": "postgres"}}]`}}, "I4"},
		{"a ConfigMap in a projection", []change{{"spec/volumes/8/projected/sources/2/configMap/name", "gateway"}}, "I4"},
		{"a ConfigMap as a volume", []change{{"spec/volumes/5", `{"name": "scratch", "configMap": {"name": "gateway"}}`}}, "I4"},
		{"a ConfigMap as the environment", []change{{c + "envFrom/1/configMapRef/name", "gateway"}}, "I4"},
		{"a ConfigMap in the environment", []change{{c + "env/1/valueFrom", `{"configMapKeyRef": {"name": "gateway", "key": "k"}}`}}, "I4"},
		{"no storage class", []change{{"spec/volumes/7/ephemeral/volumeClaimTemplate/spec/storageClassName", gone}}, "I3"},
		{"the empty storage class", []change{{"spec/volumes/7/ephemeral/volumeClaimTemplate/spec/storageClassName", ""}}, "I3"},
		{"a storage class by annotation", []change{{"spec/volumes/7/ephemeral/volumeClaimTemplate/metadata", `{"annotations": {"volume.beta.kubernetes.io/storage-class": "fast"}}`}}, "I3"},
		{"a Secret to pull with", []change{{"spec/imagePullSecrets", `[{"name": "listed"}]`}}, "I4"},
		{"a hostname", []change{{"spec/hostname", "example"}}, "I4"},
		{"a subdomain", []change{{"spec/subdomain", "com"}}, "I4"},
		{"a name of its own", []change{{"spec/setHostnameAsFQDN", true}}, "I4"},
		{"another name", []change{{"spec/hostnameOverride", "gateway"}}, "I4"},
		{"a node", []change{{"spec/nodeName", "node-1"}}, "I4"},
		{"a priority", []change{{"spec/priority", 11.0}}, "I4"},
		{"a class of the system", []change{{"spec/priorityClassName", "system-x"}}, "I4"},
		{"every taint", []change{{"spec/tolerations", `[{"operator": "Exists"}]`}}, "I4"},
		{"every effect of a taint", []change{{"spec/tolerations", `[{"key": "b", "operator": "Exists"}]`}}, "I4"},
		{"a lost node for ever", []change{{"spec/tolerations", `[{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}]`}}, "I4"},
		{"a ServiceAccount", []change{{"spec/serviceAccountName", "gateway"}}, "I4"},
		{"a ServiceAccount by the old field", []change{{"spec/serviceAccountName", gone}, {"spec/serviceAccount", "gateway"}}, "I4"},
		{"a token for others", []change{{"spec/volumes/8/projected/sources/1/serviceAccountToken/audience", "sts"}}, "I4"},
		{"a token like the API server's own in a volume of another name", []change{{"spec/volumes/8/name", "token"}}, "I4"},
		{"a token that lasts longer than the API server's own", []change{{"spec/volumes/8/projected/sources/0/serviceAccountToken/expirationSeconds", 86400.0}}, "I4"},
		{"a resource claim", []change{{"spec/resourceClaims/0/resourceClaimName", "disk"}}, "I4"},
		{"a resource claim by template", []change{{"spec/resourceClaims/0/resourceClaimTemplateName", "disk"}}, "I4"},
		{"a runtime class", []change{{"spec/runtimeClassName", "runc"}}, "I4"},
		{"an fsGroup", []change{{"spec/securityContext/fsGroup", 0.0}}, "I4"},
		{"an fsGroup that changes every file", []change{{"spec/securityContext/fsGroupChangePolicy", "Always"}}, "I4"},
		{"SELinux options", []change{{"spec/securityContext/seLinuxOptions/level", "s0:c2"}}, "I4"},
		{"SELinux options of a container", []change{{ctx + "/seLinuxOptions", `{"level": "s0:c2"}`}}, "I4"},
		{"a controller", []change{{"metadata/ownerReferences", `[{"kind": "ReplicaSet", "name": "gateway", "controller": true}]`}}, "I4"},
		{"a controller of a listed kind and another group", []change{{"metadata/ownerReferences", `[{"apiVersion": "b.example/v1", "kind": "Box", "name": "b", "controller": true}]`}}, "I4"},
		{"a controller of a listed group and another kind", []change{{"metadata/ownerReferences", `[{"apiVersion": "box.example/v1", "kind": "Crate", "name": "b", "controller": true}]`}}, "I4"},
		{"a mirror Pod", []change{{"metadata/annotations/kubernetes.io~config.mirror", "x"}}, "I4"},

		{"a Pod of Windows", []change{{"spec/os", `{"name": "windows"}`}}, "I4"},
		{"a drive letter", []change{{acp + "/mountPath", `C:\acp`}}, "I4"},
		{"a backslash in an init container", []change{{inInit + "/mountPath", `/data\x`}}, "I4"},

		{"one mountPath twice", []change{{acp + "/mountPath", "/mnt/user-data"}}, "I2"},
		{"the mountPath of another volume", []change{{inInit + "/mountPath", "/tmp/"}}, "I2"},

		{"a privileged container", []change{{ctx + "/privileged", true}}, "I4"},
		{"the network of the node", []change{{"spec/hostNetwork", true}}, "I4"},
		{"the processes of the node", []change{{"spec/hostPID", true}}, "I4"},
		{"the memory of the node", []change{{"spec/hostIPC", true}}, "I4"},
		{"a capability", []change{{ctx + "/capabilities/add", `["SYS_ADMIN"]`}}, "I4"},
		{"a port of the node", []change{{c + "ports/0/hostPort", 80.0}}, "I4"},
		{"all of /proc", []change{{ctx + "/procMount", "Unmasked"}}, "I4"},
		{"no seccomp", []change{{"spec/securityContext/seccompProfile", `{"type": "Unconfined"}`}}, "I4"},
		{"no seccomp for a container", []change{{ctx + "/seccompProfile", `{"type": "Unconfined"}`}}, "I4"},
		{"no AppArmor", []change{{"spec/securityContext/appArmorProfile", `{"type": "Unconfined"}`}}, "I4"},
		{"no AppArmor by annotation", []change{{"metadata/annotations/container.apparmor.security.beta.kubernetes.io~sandbox", "unconfined"}}, "I4"},
		{"a sysctl", []change{{"spec/securityContext/sysctls", `[{"name": "kernel.msgmax", "value": "1"}]`}}, "I4"},
		{"a Windows host process", []change{{"spec/securityContext/windowsOptions", `{"hostProcess": true}`}}, "I4"},
		{"a Windows host process in a container", []change{{ctx + "/windowsOptions", `{"hostProcess": true}`}}, "I4"},
		{"a probe of another host", []change{{c + "livenessProbe/httpGet/host", "169.254.169.254"}}, "I4"},
		{"a hook on another host", []change{{c + "lifecycle", `{"preStop": {"tcpSocket": {"host": "db", "port": 1}}}`}}, "I4"},

		{"no user", []change{{"metadata/labels/user-id", gone}}, "I5"},
		{"no thread", []change{{"metadata/annotations/thread-id", gone}}, "I5"},
		{"a user that is a path", []change{{"metadata/labels/user-id", ".."}}, "I5"},
		{"an empty user", []change{{"metadata/labels/user-id", ""}}, "I5"},
		{"a user with a line feed", []change{{"metadata/labels/user-id", "alice\n"}}, "I5"},
		{"a user of 256 bytes", []change{{"metadata/annotations/user-id", strings.Repeat("a", 256)}}, "I5"},
		{"a thread of 65 bytes", []change{{"metadata/annotations/thread-id", strings.Repeat("a", 65)}}, "I5"},
		{"two users", []change{{"metadata/annotations/user-id", "bob"}}, "I5"},
		{"no marker", []change{{"metadata/annotations/userscope.dev~policies", gone}}, "I5"},
		{"a marker for more policies", []change{{"metadata/annotations/userscope.dev~policies", "deer-flow,x"}}, "I5"},
		{"a user by label alone", []change{{"metadata/annotations/user-id", gone}}, "I5"},
		{"no stamp", []change{{"metadata/annotations/userscope.dev~user", gone}}, "I5"},
		{"no stamp by label", []change{{"metadata/labels/userscope.dev~user", gone}}, "I5"},
		{"a stamp of another", []change{{"metadata/annotations/userscope.dev~user", "bob"}}, "I5"},
		{"a stamped label that is no value of labels", []change{{"metadata/labels/userscope.dev~thread", "-t1"}}, "I5"},
		{"a user by annotation alone", []change{{"metadata/labels/user-id", gone}}, "I5"},
		{"a thread of which the label is missing", []change{{"metadata/annotations/thread-id", "t1"}}, "I5"},
		{"a marker for another policy", []change{{"metadata/annotations/userscope.dev~policies", "deer-flow2"}}, "I5"},
		{"a provisioner's Pod that later operations do not recognise", []change{{"metadata/labels/app", "gateway"}}, "I5"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pod := with(parse(sandbox), test.changes...)
			findings := Judge([]Policy{policy()}, provisioner, pod, pod)
			if !hasFinding(findings, test.want) {
				t.Errorf("findings %q, want one of %s", findings, test.want)
			}
		})
	}
}

func hasFinding(findings []string, invariant string) bool {
	for _, finding := range findings {
		if strings.HasPrefix(finding, invariant+" ") || strings.HasPrefix(finding, invariant+":") {
			return true
		}
	}
	return false
}

// Without a root the directories begin at the top of the claim.
func TestALayoutWithoutRoot(t *testing.T) {
	p := policy()
	p.Root = ""
	pod := parse(strings.ReplaceAll(sandbox, "deer-flow/", ""))
	if findings := Judge([]Policy{p}, provisioner, pod, pod); len(findings) > 0 {
		t.Errorf("a good Pod is condemned: %q", findings)
	}
	for _, path := range []string{"/public", "deer-flow/public", ""} {
		broken := with(pod, change{"spec/containers/0/volumeMounts/2/subPath", path})
		if findings := Judge([]Policy{p}, provisioner, broken, broken); !hasFinding(findings, "I1") {
			t.Errorf("subPath %q: findings %q", path, findings)
		}
	}
}

// A mount elsewhere than at the user-data path becomes the user-data directory where it showed the directory of old of
// its thread, and nowhere else.
func TestTheDirectoryOfOld(t *testing.T) {
	p := policy()
	p.Legacy = "threads/{thread}/user-data"
	final := with(parse(sandbox), change{"spec/initContainers/0/volumeMounts/0/subPath", "deer-flow/users/alice/threads/-t1/user-data"})
	for subPath, wanted := range map[string]bool{
		"threads/-t1/user-data":              true,
		"./deer-flow/threads//-t1/user-data": true,
		"threads/t2/user-data":               false,
		"threads/-t1":                        false,
		"x/threads/-t1/user-data":            false,
		"":                                   false,
		"deer-flow/users/alice/data":         false,
		"deer-flow/users/bob/threads/-t1/user-data":   false,
		"deer-flow/users/alice/threads/-t1/user-data": true,
	} {
		sent := with(final, change{"spec/initContainers/0/volumeMounts/0/subPath", subPath})
		if findings := Judge([]Policy{p}, provisioner, sent, final); hasFinding(findings, "I7") == wanted {
			t.Errorf("%q: %q", subPath, findings)
		}
	}
	sent := with(final, change{"spec/initContainers/0/volumeMounts/0/subPathExpr", "$(X)"})
	if findings := Judge([]Policy{p}, provisioner, sent, final); !hasFinding(findings, "I7") {
		t.Errorf("an expression: %q", findings)
	}
	for what, changes := range map[string][]change{
		"another claim of the user-data volume's name": {{"spec/volumes/0/persistentVolumeClaim/claimName", "other"}},
		"an emptyDir of the user-data volume's name":   {{"spec/volumes/0", `{"name": "user-data", "emptyDir": {}}`}},
	} {
		if findings := Judge([]Policy{p}, provisioner, with(final, changes...), final); !hasFinding(findings, "I7") {
			t.Errorf("%s: %q", what, findings)
		}
	}
}

// Where other directories are refused, none is put in the place of another that was asked for.
func TestOtherUserDataRefused(t *testing.T) {
	p := policy()
	p.RefusesOthers, p.Legacy = true, "threads/{thread}/user-data"
	const own = "users/alice/threads/-t1/user-data"
	final, userData := parse(sandbox), "spec/containers/0/volumeMounts/0/"
	onNode := func(path string) []change {
		return []change{{"spec/volumes/0", `{"name": "user-data", "hostPath": {"path": "` + path + `"}}`}, {userData + "subPath", gone}}
	}
	for name, test := range map[string]struct {
		sent   []change
		wanted bool
	}{
		"its own":                            {[]change{{userData + "subPath", "./deer-flow/" + own}}, true},
		"the directory of old":               {[]change{{userData + "subPath", "threads/-t1/user-data"}}, true},
		"the directory of old in the root":   {[]change{{userData + "subPath", "deer-flow/threads/-t1/user-data"}}, true},
		"another thread's directory of old":  {[]change{{userData + "subPath", "threads/t2/user-data"}}, false},
		"its own without the root":           {[]change{{userData + "subPath", own}}, false},
		"another user's":                     {[]change{{userData + "subPath", "deer-flow/users/bob/threads/-t1/user-data"}}, false},
		"the whole claim":                    {[]change{{userData + "subPath", gone}}, false},
		"an expression":                      {[]change{{userData + "subPathExpr", "$(X)"}}, false},
		"its own of the node":                {onNode("/base/./" + own), true},
		"the directory of old of the node":   {onNode("/base/threads/-t1/user-data"), true},
		"another user's of the node":         {onNode("/base/users/bob/threads/-t1/user-data"), false},
		"its own of the node below no base":  {onNode("/other/" + own), false},
		"a step back on the node to its own": {onNode("/base/x/../" + own), false},
	} {
		if findings := Judge([]Policy{p}, provisioner, with(final, test.sent...), final); hasFinding(findings, "I7") == test.wanted {
			t.Errorf("%s: %q", name, findings)
		}
	}
}

// What all sandboxes may write to is theirs on the claim, and on no node.
func TestADirectoryOfAll(t *testing.T) {
	p := policy()
	p.Directories = append(p.Directories, Directory{Path: "exchange", Writable: true})
	onClaim := with(parse(sandbox), change{"spec/initContainers/0/volumeMounts/0/subPath", "deer-flow/exchange"})
	if findings := Judge([]Policy{p}, provisioner, onClaim, onClaim); len(findings) > 0 {
		t.Errorf("on the claim: %q", findings)
	}
	onNode := with(parse(sandbox), change{"spec/volumes/3/hostPath/path", "/base/exchange"})
	if findings := Judge([]Policy{p}, provisioner, onNode, onNode); !hasFinding(findings, "I4") {
		t.Errorf("on the node: %q", findings)
	}
}

// A Pod without annotations is given all of them for the marker.
func TestAMarkerForAPodWithoutAnnotations(t *testing.T) {
	idle := parse(`{"metadata": {"labels": {"app": "sandbox"}}, "spec": {"containers": null}}`)
	final := with(idle, change{"metadata/annotations", `{"userscope.dev/policies": "deer-flow"}`})
	for _, annotations := range []any{gone, nil, object{}} {
		if findings := Judge([]Policy{policy()}, provisioner, with(idle, change{"metadata/annotations", annotations}), final); len(findings) > 0 {
			t.Errorf("annotations %v: %q", annotations, findings)
		}
	}
	stamped := change{"metadata/annotations", `{"userscope.dev/policies": "deer-flow", "userscope.dev/user": "alice", "user-id": "alice"}`}
	idle = with(idle, change{"metadata/labels/user-id", "alice"}, change{"metadata/labels/userscope.dev~user", "alice"})
	if findings := Judge([]Policy{policy()}, provisioner, idle, with(idle, stamped)); len(findings) > 0 {
		t.Errorf("an identity beside the marker: %q", findings)
	}
	unlabelled := with(idle, change{"metadata/annotations", `{"user-id": "_"}`}, change{"metadata/labels/user-id", gone})
	labelled := with(unlabelled, change{"metadata/annotations/userscope.dev~policies", "deer-flow"}, change{"metadata/labels/user-id", "_"})
	if findings := Judge([]Policy{policy()}, provisioner, unlabelled, labelled); !hasFinding(findings, "I7") {
		t.Errorf("a label that Kubernetes refuses: %q", findings)
	}
	more := with(idle, stamped, change{"metadata/annotations/more", "x"})
	if findings := Judge([]Policy{policy()}, provisioner, idle, more); !hasFinding(findings, "I7") {
		t.Errorf("another annotation: %q", findings)
	}
}

// Whatever else of the Pod is changed on its way, the oracle sees it.
func TestEveryOtherChangeIsCondemned(t *testing.T) {
	sent := parse(sandbox)
	all := alterations(sent)
	if len(all) < 300 {
		t.Errorf("only %d alterations were tried", len(all))
	}
	for path, final := range all {
		if findings := Judge([]Policy{policy()}, provisioner, sent, final.(object)); len(findings) == 0 {
			t.Errorf("%s: nobody notices", path)
		}
	}
}

func TestUngovernedPodsMustNotChange(t *testing.T) {
	sent := parse(`{"metadata": {"labels": {"app": "web"}}, "spec": {"volumes": null}}`)
	if findings := Judge([]Policy{policy()}, Request{Namespace: "deer-flow"}, sent, sent); len(findings) > 0 {
		t.Errorf("untouched, and condemned: %q", findings)
	}
	final := with(sent, change{"metadata/annotations", `{"userscope.dev/policies": "deer-flow"}`})
	if findings := Judge([]Policy{policy()}, Request{Namespace: "deer-flow"}, sent, final); !hasFinding(findings, "I7") {
		t.Errorf("changed, and not condemned: %q", findings)
	}
}

// The Pod of two policies is judged by both, and each claim by its own.
func TestTwoPolicies(t *testing.T) {
	other := policy()
	other.Name, other.Claim, other.Volume, other.MountPath = "reports", "reports", "reports", "/mnt/reports"
	both := []Policy{policy(), other}
	pod := with(parse(sandbox), []change{
		{"metadata/annotations/userscope.dev~policies", "deer-flow,reports"},
		{"spec/volumes/5", `{"name": "scratch", "persistentVolumeClaim": {"claimName": "reports"}}`},
		{"spec/initContainers/0/volumeMounts/1", `{"name": "scratch", "mountPath": "/tmp", "subPath": "deer-flow/public", "readOnly": true}`},
	}...)
	if findings := Judge(both, provisioner, pod, pod); len(findings) > 0 {
		t.Errorf("a good Pod is condemned: %q", findings)
	}
	for _, change := range []change{
		{"metadata/annotations/userscope.dev~policies", "deer-flow"},
		{"spec/initContainers/0/volumeMounts/1/subPath", "deer-flow"},
		{"spec/initContainers/0/volumeMounts/0/subPath", "deer-flow"},
	} {
		broken := with(pod, change)
		if findings := Judge(both, provisioner, broken, broken); len(findings) == 0 {
			t.Errorf("%v: not condemned", change)
		}
	}
}

func TestIdentityOfAPolicyIsNarrower(t *testing.T) {
	tests := []struct {
		name   string
		rules  Identity
		user   string
		broken bool
	}{
		{"a user of the pattern", Identity{From: []string{"Label"}, UserKey: "user-id", ThreadKey: "thread-id", UserPattern: "a.*e|b"}, "alice", false},
		{"a user that only begins so", Identity{From: []string{"Label"}, UserKey: "user-id", ThreadKey: "thread-id", UserPattern: "al|b"}, "alice", true},
		{"capitals", Identity{From: []string{"Label"}, UserKey: "user-id", ThreadKey: "thread-id", LowerCase: true}, "Alice", true},
		{"no capitals", Identity{From: []string{"Label"}, UserKey: "user-id", ThreadKey: "thread-id", LowerCase: true}, "alice", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := policy()
			p.Identity = test.rules
			pod := parse(strings.ReplaceAll(sandbox, "alice", test.user))
			if findings := Judge([]Policy{p}, provisioner, pod, pod); hasFinding(findings, "I5") != test.broken {
				t.Errorf("findings %q", findings)
			}
		})
	}
}
