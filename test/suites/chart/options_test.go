package chart

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// jupyterHub is a policy that has little in common with DeerFlow's.
const jupyterHub = `
- name: jupyterhub
  spec:
    namespaces: [hub]
    claim: homes
    selector: {component: singleuser-server}
    provisioners: ["system:serviceaccount:hub:hub"]
    userKey: hub.jupyter.org/username
    proof: Never
    userDataVolume: home
    userDataMountPath: /home/jovyan
    layout: {userData: "home/{user}"}
    allow: {fsGroup: 2000000000}
`

// withKey is a policy of the least that one can say, with a key.
const withKey = `
- name: keyed
  spec:
    namespaces: [keyed]
    claim: data
    selector: {app: sandbox}
    proof: Always
    keyFile: /etc/userscope/keys/first
    layout: {userData: "users/{user}/{thread}"}
`

// certificate stands where a CA is wanted: base64 of a PEM header.
const certificate = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"

// options are what is rendered once, alone or with what it interacts with.
var options = []struct {
	name, values string
	want, absent []string // parts of what is rendered
}{
	{
		name: "nothing is set",
		want: []string{
			"--listen=:10250", "containerPort: 10250", "port: 10250", "--listen-health=:8081", "--log-level=info", "replicas: 2",
			`image: "userscope.dev/userscope:0.1.0"`, "maxSurge: 1\n      maxUnavailable: 0", "kind: ResourceQuota",
			"name: userscope-tls", "secretName: userscope-tls", "--secret-name=userscope-tls", "resourceNames: [userscope-tls, userscope-issuer-ca]",
			"name: userscope-issuer-ca", "--ca-secret-name=userscope-issuer-ca",
		},
		absent: []string{"hostNetwork: true", "kind: Namespace", "cert-manager", "monitoring.coreos.com", "caBundle:", "10260", "  data:\n    tls", "secretName: userscope-issuer-ca"},
	},
	{
		name:   "the nodes' network",
		values: "hostNetwork: true",
		want: []string{
			"hostNetwork: true", "--listen=:10260", "containerPort: 10260", "- name: webhook\n      port: 10260", "path: /mutate\n        port: 10260",
			"path: /validate\n        port: 10260", "- port: 10260", "maxSurge: 0\n      maxUnavailable: 1",
		},
		absent: []string{"10250"},
	},
	{
		name:   "the nodes' network, with one replica: there may be no node for a second",
		values: "{hostNetwork: true, replicas: 1}",
		want:   []string{"hostNetwork: true", "maxSurge: 0\n      maxUnavailable: 1", "replicas: 1"},
	},
	{
		name:   "the nodes' network, another port and the namespace",
		values: "{hostNetwork: true, port: 9443, createNamespace: true}",
		want:   []string{"--listen=:9443", "port: 9443", "kind: Namespace", "pod-security.kubernetes.io/enforce: privileged"},
		absent: []string{"10250", "10260"},
	},
	{
		name:   "another port, another health port, and all monitoring",
		values: "{port: 8443, healthPort: 9090, monitoring: {podMonitor: {enabled: true, labels: {release: p}}, serviceMonitor: {enabled: true, labels: {release: s}}, prometheusRule: {enabled: true, labels: {release: r}}, dashboard: {enabled: true, labels: {grafana: g}}}}",
		want: []string{
			"--listen=:8443", "--listen-health=:9090", "port: 9090\n      targetPort: health", "kind: PodMonitor", "kind: ServiceMonitor", "kind: PrometheusRule",
			"release: p\n", "release: s\n", "release: r\n", "grafana: g\n", "userscope.json: |",
		},
		absent: []string{"10250", "8081"},
	},
	{
		name:   "the PodMonitor alone",
		values: "{monitoring: {podMonitor: {enabled: true}}}",
		want:   []string{"kind: PodMonitor"},
		absent: []string{"kind: ServiceMonitor", "userscope-metrics", "kind: PrometheusRule", "userscope-dashboard"},
	},
	{
		name:   "the ServiceMonitor alone",
		values: "{monitoring: {serviceMonitor: {enabled: true}}}",
		want:   []string{"kind: ServiceMonitor", "name: userscope-metrics"},
		absent: []string{"kind: PodMonitor", "kind: PrometheusRule", "userscope-dashboard"},
	},
	{
		name:   "cert-manager, which needs neither the issuer nor its rights",
		values: "{certificates: {mode: certManager}}",
		want: []string{
			"secretName: userscope-cert-manager-tls", "cert-manager.io/inject-ca-from: userscope-system/userscope", "rotationPolicy: Never", "- userscope.userscope-system.svc",
		},
		absent: []string{"kind: Secret\n", "userscope-issuer", "kind: ClusterRole", "certs"},
	},
	{
		name:   "cert-manager with an issuer of one's own, on the nodes' network",
		values: "{hostNetwork: true, certificates: {mode: certManager, certManager: {issuerRef: {kind: ClusterIssuer, name: company, group: cert-manager.io}}}}",
		want:   []string{"kind: ClusterIssuer", "name: company", "--listen=:10260"},
		absent: []string{"isCA", "selfSigned", "name: userscope-ca", "userscope-issuer"},
	},
	{
		name:   "an existing Secret",
		values: "{certificates: {mode: existingSecret, existingSecret: {name: ours, caBundle: " + certificate + "}}}",
		want:   []string{"secretName: ours", "caBundle: " + certificate},
		absent: []string{"kind: Secret\n", "userscope-issuer", "cert-manager"},
	},
	{
		name:   "an existing Secret, its CA as base64 writes it",
		values: "certificates:\n  mode: existingSecret\n  existingSecret:\n    name: ours\n    caBundle: |\n      " + certificate[:8] + "\n      " + certificate[8:] + "\n",
		want:   []string{"caBundle: " + certificate + "\n"},
	},
	{
		name:   "a policy with the longest name",
		values: "policies:" + strings.Replace(jupyterHub, "name: jupyterhub", "name: "+strings.Repeat("a", 227), 1),
		want:   []string{"name: userscope-backstop-create-aaa"},
	},
	{
		name:   "several policies",
		values: "policies:" + jupyterHub + withKey + "keys: [{secretName: keys, mountPath: /etc/userscope/keys}]",
		want: []string{
			"name: jupyterhub", "name: keyed", "fsGroup: 2000000000", "mountPath: \"/etc/userscope/keys\"\n", "secretName: keys\n",
			`["hub","keyed"]`, "userData: home/{user}", "keyFile: /etc/userscope/keys/first",
		},
		absent: []string{"deer-flow"},
	},
	{
		name:   "an image by digest",
		values: "{image: {repository: registry.example/userscope, tag: v1, digest: 'sha256:" + strings.Repeat("0", 64) + "', pullPolicy: Always}, imagePullSecrets: [{name: registry}], logLevel: debug}",
		want:   []string{`image: "registry.example/userscope@sha256:000`, "imagePullPolicy: Always", "- name: registry", "--log-level=debug"},
		absent: []string{"userscope:v1"},
	},
	{
		name:   "an image by tag",
		values: "{image: {tag: v1}}",
		want:   []string{`image: "userscope.dev/userscope:v1"`},
	},
	{
		name: "where Pods run",
		values: `{priorityClassName: "", nodeSelector: {pool: system}, tolerations: [{key: dedicated, operator: Exists}], podAnnotations: {a: b}, podLabels: {c: d}, replicas: 3,
			affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: arch, operator: Exists}]}]}}},
			resources: {requests: {cpu: 77m}}, issuerResources: {requests: {cpu: 33m}}}`,
		want:   []string{"pool: system", "key: dedicated", "a: b", "c: d", "key: arch", "cpu: 77m", "cpu: 33m", "replicas: 3"},
		absent: []string{"priorityClassName: system-cluster-critical", "kind: ResourceQuota"},
	},
	{
		name:   "the migration, with owners on the claim",
		values: "{migration: {enabled: true, owners: {file: .deer-flow/data/deerflow.db}, args: [--unowned=default, --park-conflicts]}}",
		want: []string{
			"name: userscope-migrate-plan\n  namespace: deer-flow", "name: userscope-migrate-apply", "name: userscope-migrate-undo", "suspend: true",
			"--root=/claim/deer-flow", "--legacy=/claim/threads", "--owners=/claim/.deer-flow/data/deerflow.db", `"--unowned=default"`, `"--park-conflicts"`,
			"claimName: deer-flow-home", "runAsUser: 0\n        runAsGroup: 0", "cpu: 100m",
		},
		absent: []string{"USERSCOPE_OWNERS_DSN", "--take-lock-of", "--forget-gone"},
	},
	{
		name: "the migration of another policy, with owners in PostgreSQL",
		values: "policies:" + withKey + strings.Replace(jupyterHub, "[hub]", "[hub, lab]", 1) + "keys: [{secretName: keys, mountPath: /etc/userscope/keys}]\n" +
			"imagePullSecrets: [{name: registry}]\n" +
			"migration: {enabled: true, policy: jupyterhub, namespace: lab, legacy: old/homes, owners: {postgres: {name: database, key: url}}, runAsUser: 1000, runAsGroup: 1001, takeLockOf: userscope-migrate-apply-x7k2p, forgetGone: true, resources: {requests: {cpu: 55m}}}",
		want: []string{
			"name: userscope-migrate\n  namespace: hub", "name: userscope-migrate\n  namespace: lab", "name: userscope-migrate-apply\n  namespace: lab", "claimName: homes",
			`"--root=/claim"`, "--legacy=/claim/old/homes", "--owners=postgres", `secretKeyRef: {"key":"url","name":"database"}`, "runAsUser: 1000\n        runAsGroup: 1001", "cpu: 55m",
			"- --check-pods\n            - --take-lock-of=userscope-migrate-apply-x7k2p\n          env", "- --take-lock-of=userscope-migrate-apply-x7k2p\n            - --forget-gone\n          env",
		},
		absent: []string{"claimName: data", "--owners=/claim"},
	},
	{
		name:   "the migration without owners",
		values: "policies:" + withKey + "keys: [{secretName: keys, mountPath: /etc/userscope/keys}]\nmigration: {enabled: true}",
		want:   []string{"name: userscope-migrate-apply\n  namespace: keyed", "claimName: data"},
		absent: []string{"--owners", "USERSCOPE_OWNERS_DSN"},
	},
	{
		name:   "client certificates, and a limit",
		values: `{clientCertificates: {ca: "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n", names: [kube-apiserver, "system:x"]}, webhookArgs: [--max-json-values=40000]}`,
		want: []string{"name: userscope-client-ca\n", "  ca.crt: |\n    -----BEGIN CERTIFICATE-----\n    MA==\n", "--client-ca=/etc/userscope/client-ca/ca.crt",
			`"--client-names=kube-apiserver,system:x"`, `"--max-json-values=40000"`, "mountPath: /etc/userscope/client-ca"},
	},
	{
		name:   "no NetworkPolicy",
		values: "{networkPolicy: {enabled: false}}",
		absent: []string{"kind: NetworkPolicy"},
	},
	{
		name: "narrow NetworkPolicies",
		values: `{networkPolicy: {webhookFrom: [{ipBlock: {cidr: 10.0.0.0/28}}], healthFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}],
			apiServerPorts: [8443]}}`,
		want:   []string{"cidr: 10.0.0.0/28", "kubernetes.io/metadata.name: monitoring", "- port: 8443"},
		absent: []string{"6443"},
	},
}

// Whatever is chosen, an API server takes it.
func TestOptions(t *testing.T) {
	for _, option := range options {
		t.Run(option.name, func(t *testing.T) {
			rendered := render(t, option.values)
			for _, part := range option.want {
				if !strings.Contains(rendered, part) {
					t.Errorf("%q is missing", part)
				}
			}
			for _, part := range option.absent {
				if strings.Contains(rendered, part) {
					t.Errorf("%q is there", part)
				}
			}
			trialCluster(t).mustKubectl(t, rendered, "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
		})
	}
}

// Every value of the chart is tried by one of the options.
func TestOptionsAreComplete(t *testing.T) {
	tried := map[string]bool{}
	for _, option := range options {
		var given map[string]any
		if err := yaml.Unmarshal([]byte(option.values), &given); err != nil {
			t.Fatal(err)
		}
		flatten("", given, tried)
	}
	for _, value := range described(t) {
		if !tried[value.name] {
			t.Errorf("no option sets %s: those set are %q", value.name, slices.Sorted(maps.Keys(tried)))
		}
	}
}

// flatten collects the dotted keys of a mapping.
func flatten(prefix string, mapping map[string]any, into map[string]bool) {
	for key, value := range mapping {
		into[prefix+key] = true
		if nested, ok := value.(map[string]any); ok {
			flatten(prefix+key+".", nested, into)
		}
	}
}
