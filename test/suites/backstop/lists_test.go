package backstop

import (
	"net/http"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"userscope.dev/userscope/test/pods/oracle"
)

// What the policy of the installation lists passes, and what is next to it does not.
func TestLists(t *testing.T) {
	const base = `{
		"metadata": {
			"generateName": "sandbox-", "labels": {"role": "lab"},
			"annotations": {
				"userscope.dev/policies": "lists", "userscope.dev/user": "u-1", "userscope.dev/thread": "r1",
				"lab.example/user": "u-1", "lab.example/run": "r1"
			}
		},
		"spec": {
			"securityContext": {},
			"containers": [{"name": "main", "image": "image", "securityContext": {}, "env": [], "volumeMounts": [
				{"name": "data", "mountPath": "/data", "subPath": "lab/v2/u-1/r1/data"}
			]}],
			"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "lab-data"}}]
		}
	}`
	mounted := func(source, more string) string {
		return `{"op": "add", "path": "/spec/volumes/-", "value": {"name": "more", ` + source + `}},
			{"op": "add", "path": "/spec/containers/0/volumeMounts/-", "value": {"name": "more", "mountPath": "/more"` + more + `}}`
	}
	set := func(path, value string) string {
		return `{"op": "add", "path": "/spec/` + path + `", "value": ` + value + `}`
	}
	ephemeral := func(class, metadata string) string {
		return `"ephemeral": {"volumeClaimTemplate": {` + metadata + `"spec": {` + class + `"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}}`
	}
	const readOnly = `, "readOnly": true`
	for _, test := range []struct{ name, tweak, want string }{
		{"nothing more", "", ""},
		{"fsGroup", set("securityContext/fsGroup", `2000`) + "," + set("securityContext/fsGroupChangePolicy", `"OnRootMismatch"`), ""},
		{"fsGroup, always", set("securityContext/fsGroup", `2000`) + "," + set("securityContext/fsGroupChangePolicy", `"Always"`), "fs-group"},
		{"fsGroup, by default always", set("securityContext/fsGroup", `2000`), "fs-group"},
		{"another fsGroup", set("securityContext/fsGroup", `2001`) + "," + set("securityContext/fsGroupChangePolicy", `"OnRootMismatch"`), "fs-group"},
		{"SELinux options", set("containers/0/securityContext/seLinuxOptions", `{"level": "s0:c7"}`), ""},
		{"SELinux options of the Pod", set("securityContext/seLinuxOptions", `{"level": "s0:c7"}`), ""},
		{"more SELinux options", set("containers/0/securityContext/seLinuxOptions", `{"level": "s0:c7", "type": "container_t"}`), "selinux-options"},
		{"no SELinux options", set("securityContext/seLinuxOptions", `{}`), "selinux-options"},
		{"capability", set("containers/0/securityContext/capabilities", `{"add": ["NET_ADMIN", "CHOWN"]}`), ""},
		{"another capability", set("containers/0/securityContext/capabilities", `{"add": ["NET_ADMIN", "SYS_ADMIN"]}`), "pod-security"},

		{"node's path", mounted(`"hostPath": {"path": "/opt/models", "type": "Directory"}`, readOnly), ""},
		{"node's path, writable", mounted(`"hostPath": {"path": "/opt/models"}`, ""), "host-path"},
		{"node's path, below it", mounted(`"hostPath": {"path": "/opt/models/x"}`, readOnly), "host-path"},
		{"node's path, a part of it", mounted(`"hostPath": {"path": "/opt/models"}`, `, "subPath": "x"`+readOnly), "host-path"},
		{"node's path, by an expression", mounted(`"hostPath": {"path": "/opt/models"}`, `, "subPathExpr": "$(X)"`+readOnly), "host-path"},
		{"node's path, a socket", mounted(`"hostPath": {"path": "/opt/models", "type": "Socket"}`, readOnly), "host-path"},
		{"node's own directory", mounted(`"hostPath": {"path": "/srv/lab/u-1/r1/data"}`, ""), ""},
		{"node's directory to read", mounted(`"hostPath": {"path": "/srv/lab/u-1/r1/models"}`, readOnly), ""},
		{"node's directory to read, writable", mounted(`"hostPath": {"path": "/srv/lab/u-1/r1/models"}`, ""), "host-path"},
		{"node's directory of another", mounted(`"hostPath": {"path": "/srv/lab/u-2/r1/data"}`, readOnly), "host-path"},

		{"claim", mounted(`"persistentVolumeClaim": {"claimName": "models", "readOnly": true}`, ""), ""},
		{"claim, writable", mounted(`"persistentVolumeClaim": {"claimName": "models"}`, readOnly), "other-claim"},
		{"another claim", mounted(`"persistentVolumeClaim": {"claimName": "postgres", "readOnly": true}`, ""), "other-claim"},
		{"directory to read", mounted(`"persistentVolumeClaim": {"claimName": "lab-data"}`, `, "subPath": "lab/v2/u-1/r1/models"`+readOnly), ""},
		{"directory to read, writable", mounted(`"persistentVolumeClaim": {"claimName": "lab-data"}`, `, "subPath": "lab/v2/u-1/r1/models"`), "claim-mount"},
		{"directory to read, of a volume to read", mounted(`"persistentVolumeClaim": {"claimName": "lab-data", "readOnly": true}`, `, "subPath": "lab/v2/u-1/r1/models"`), "claim-mount"},
		{"claim by an expression", mounted(`"persistentVolumeClaim": {"claimName": "lab-data"}`, `, "subPathExpr": "lab/v2/u-1/r1/data"`), "claim-mount"},

		{"type", mounted(`"nfs": {"server": "nfs", "path": "/"}`, ""), ""},
		{"another type", mounted(`"iscsi": {"targetPortal": "x:1", "iqn": "iqn.2001-04.com.example:x", "lun": 0}`, ""), "volume-type"},
		{"type of a projection", mounted(`"projected": {"sources": [{"podCertificate": {"signerName": "example.com/x", "keyType": "ED25519", "credentialBundlePath": "x"}}]}`, ""), ""},
		{"Secret", mounted(`"secret": {"secretName": "lab-key"}`, ""), ""},
		{"another Secret", mounted(`"secret": {"secretName": "postgres"}`, ""), "secret"},
		{"another Secret, projected", mounted(`"projected": {"sources": [{"secret": {"name": "postgres"}}]}`, ""), "secret"},
		{"Secret in a variable", set("containers/0/env/-", `{"name": "X", "valueFrom": {"secretKeyRef": {"name": "lab-key", "key": "k"}}}`), ""},
		{"another Secret in a variable", set("containers/0/env/-", `{"name": "X", "valueFrom": {"secretKeyRef": {"name": "postgres", "key": "k"}}}`), "secret"},
		{"another Secret as environment", set("containers/0/envFrom", `[{"secretRef": {"name": "postgres"}}]`), "secret"},
		{"token", mounted(`"projected": {"sources": [{"serviceAccountToken": {"path": "t", "audience": "vault"}}]}`, ""), ""},
		{"token for another", mounted(`"projected": {"sources": [{"serviceAccountToken": {"path": "t", "audience": "sts"}}]}`, ""), "service-account-token"},
		{"token for the API server", mounted(`"projected": {"sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}]}`, ""), "service-account-token"},
		{"ServiceAccount", set("serviceAccountName", `"lab-worker"`), ""},
		{"another ServiceAccount", set("serviceAccountName", `"gateway"`), "service-account"},

		{"resource claim", set("resourceClaims", `[{"name": "r", "resourceClaimTemplateName": "gpu"}]`), ""},
		{"another resource claim", set("resourceClaims", `[{"name": "r", "resourceClaimTemplateName": "disk"}]`), "resource-claim"},
		{"extended resource", set("containers/0/resources", `{"limits": {"example.com/gpu": 1}}`), ""},
		{"another extended resource", set("containers/0/resources", `{"limits": {"example.com/disk": 1}}`), "resource-claim"},
		{"RuntimeClass", set("runtimeClassName", `"kata"`), ""},
		{"Secret to pull", set("imagePullSecrets", `[{"name": "registry"}]`), ""},
		{"Secret to pull, to be read", mounted(`"secret": {"secretName": "registry"}`, ""), "secret"},
		{"Secret to be read, to pull", set("imagePullSecrets", `[{"name": "lab-key"}]`), "image-pull-secret"},
		{"ConfigMap", mounted(`"configMap": {"name": "lab-config"}`, ""), ""},
		{"ConfigMap of every Pod", mounted(`"projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}]}`, ""), ""},
		{"another ConfigMap", mounted(`"configMap": {"name": "gateway"}`, ""), "config-map"},
		{"another ConfigMap, projected", mounted(`"projected": {"sources": [{"configMap": {"name": "gateway"}}]}`, ""), "config-map"},
		{"another ConfigMap in a variable", set("containers/0/env/-", `{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "gateway", "key": "k"}}}`), "config-map"},
		{"another ConfigMap as environment", set("containers/0/envFrom", `[{"configMapRef": {"name": "gateway"}}]`), "config-map"},
		{"storage class", mounted(ephemeral(`"storageClassName": "fast", `, ""), ""), ""},
		{"another storage class", mounted(ephemeral(`"storageClassName": "backups", `, ""), ""), "ephemeral-volume"},
		{"the empty storage class", mounted(ephemeral(`"storageClassName": "", `, ""), ""), "ephemeral-volume"},
		{"no storage class", mounted(ephemeral("", ""), ""), "ephemeral-volume"},
		{"storage class by annotation", mounted(ephemeral(`"storageClassName": "fast", `, `"metadata": {"annotations": {"volume.beta.kubernetes.io/storage-class": ""}}, `), ""), "ephemeral-volume"},
		{"name by a field", set("hostname", `"worker"`) + "," + set("setHostnameAsFQDN", `true`), ""},
		{"name by another field", set("hostname", `"worker"`) + "," + set("subdomain", `"com"`), "hostname"},
		{"node", set("nodeName", `"lab-1"`), ""},
		{"another node", set("nodeName", `"lab-2"`), "placement"},
		{"toleration", set("tolerations", `[{"key": "example.com/lab", "operator": "Exists"}, {"key": "example.com/gpu", "value": "a100", "effect": "NoExecute", "tolerationSeconds": 60}]`), ""},
		{"another toleration", set("tolerations", `[{"key": "example.com/gpu", "value": "a100", "effect": "NoExecute"}]`), "placement"},
		{"another RuntimeClass", set("runtimeClassName", `"runc"`), "runtime-class"},
	} {
		t.Run(test.name, func(t *testing.T) {
			patch, err := jsonpatch.DecodePatch([]byte("[" + test.tweak + "]"))
			if err != nil {
				t.Fatal(err)
			}
			pod, err := patch.Apply([]byte(base))
			if err != nil {
				t.Fatal(err)
			}
			who := oracle.Request{Namespace: "backed-lists-lab", Username: "spawner"}
			_, err = ask(t.Context(), who, http.MethodPost, "pods", pod)
			switch {
			case test.want == "" && err == nil:
			case test.want != "" && Refuses(err) && strings.Contains(err.Error(), "userscope: "+test.want+": "):
			default:
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
