package platforms

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/webhook/yamlstream"
)

// The directory of the user's that a Pod passes with, or the rules that refuse it: of each Pod of a file.
type reported struct {
	file, policy, change, creator string
	fates                         []string
}

// Policies that differ from those that ship.
const (
	oldKeys   = `{"userKey": "user-id", "threadKey": "session-id"}`
	dots      = `{"identityFrom": ["Label", "Annotation", "Mounts"], "idCharacters": ["."]}`
	sharing   = `{"layout": {"directories": [{"path": "_shared", "access": "ReadWrite", "sharedByAll": true}]}}`
	models    = `{"layout": {"directories": [{"path": "shared/models", "access": "ReadOnly"}]}}`
	workspace = `{"namespaces": ["studio"], "claim": "studio-data", "selector": {"role": null, "app": "studio-sandbox"}, "userDataVolume": "state",
		"userDataMountPath": "/sandbox/workspace", "layout": {"userData": "users/{user}/workspace"}}`
	windows = `{"namespaces": ["win"], "claim": "win-share", "selector": {"role": null, "app": "win-sandbox"},
		"layout": {"userData": "users/{user}/{thread}"}}`
	vault  = `{"allow": {"csiDrivers": ["secrets-store.csi.k8s.io"]}}`
	velero = "system:serviceaccount:velero:velero-server"
)

// reports are the Pods of real programs and of public reports, where this machine has them.
var reports = []reported{
	{"pods/01-hub-email-user.yaml", "jupyterhub", "", "", []string{"home/nora-example-org---1a2b3c4d"}},
	{"pods/02-hub-upper-case-user.yaml", "jupyterhub", "", "", []string{"home/ines---0f9e8d7c", "home/omar-b---77aa88bb", "home/lena-k---12ab34cd"}},
	{"pods/05-hub-dotted-id.yaml", "jupyterhub", "", "", []string{"identity-invalid"}},
	{"pods/05-hub-dotted-id.yaml", "jupyterhub", dots, "", []string{"home/lena.k"}},
	{"pods/07-hub-admin-shared-rw.yaml", "jupyterhub", "", "", []string{"claim-mount"}},
	{"pods/07-hub-admin-shared-rw.yaml", "jupyterhub", sharing, "", []string{"home/admin1"}},
	{"pods/08-hub-init-mkdir-root.yaml", "jupyterhub", "", "", []string{"claim-mount"}},
	{"pods/10-agent-sandbox-owner.yaml", "agent-sandbox", oldKeys, "", []string{"users/omar/sessions/s1"}},
	{"pods/14-windows-drive.yaml", "opensandbox", windows, "", []string{"windows-pod"}},
	{"pods/17-two-subpaths-one-volume.yaml", "opensandbox", workspace, "", []string{"claim-mount"}},
	{"pods/22-hub-shared-unlisted.yaml", "jupyterhub", "", "", []string{"claim-mount"}},
	{"pods/23-velero-restore-sandbox.yaml", "deerflow", "", velero, []string{"claim-mount"}},
	{"pods/24-velero-restore-gateway.yaml", "deerflow", "", velero, []string{"identity-missing"}},
	{"pods/25-no-namespace.yaml", "deerflow", "", "", []string{"pod-security"}},
	{"pods/33-deerflow-other-base.yaml", "deerflow", "", "", []string{"host-path identity-missing"}},
	{"pods/43-inline-csi.yaml", "deerflow", vault, "", []string{"", "csi-driver"}},
	{"platforms/jupyterhub/z2jh-defaults-plain.json", "jupyterhub", "", "", []string{"pod-security"}},
	{"platforms/jupyterhub/ks7-email.json", "jupyterhub", "", "", []string{"home/nora-example-org---09b48fb1"}},
	{"platforms/jupyterhub/ks7-digits.json", "jupyterhub", "", "", []string{"home/x-12345---5994471a"}},
	{"platforms/jupyterhub/ks7-upper-case.json", "jupyterhub", "", "", []string{"home/nora---c8ccf6c9"}},
	{"platforms/jupyterhub/ks7-escaped-home-of-another.json", "jupyterhub", "", "", []string{"home/nora-2d40example-2d2eorg"}},
	{"platforms/jupyterhub/z2jh-home-per-server.json", "jupyterhub", "", "", []string{"home/nora--gpu-box"}},
	{"platforms/jupyterhub/z2jh-annotated-email.json", "jupyterhub", "", "", []string{"home/nora-example-org---09b48fb1"}},
	{"platforms/agent-sandbox/sandbox-direct.json", "agent-sandbox", oldKeys, "", []string{"users/nora/sessions/s1"}},
	{"platforms/agent-sandbox/sandbox-volume-claim-template.json", "agent-sandbox", oldKeys, "", []string{"other-claim"}},
	{"platforms/agent-sandbox/claim-cold.json", "agent-sandbox", "", "", []string{"users/nora/sessions/s1"}},
	{"platforms/agent-sandbox/warm-with-claim.json", "agent-sandbox", "", "", []string{"identity-missing"}},
	{"platforms/agent-sandbox/warm-without-claim.json", "agent-sandbox", "", "", []string{""}},
	{"platforms/opensandbox/one-volume.json", "opensandbox", "", "", []string{"tenants/nora"}},
	{"platforms/opensandbox/two-subpaths.json", "opensandbox", "", "", []string{"claim-mount"}},
	{"platforms/opensandbox/two-subpaths.json", "opensandbox", models, "", []string{"tenants/nora"}},
	{"platforms/opensandbox/two-subpaths-shared-first.json", "opensandbox", "", "", []string{"claim-mount"}},
	{"platforms/opensandbox/two-subpaths-shared-first.json", "opensandbox", models, "", []string{"tenants/nora"}},
	{"platforms/opensandbox/dotted-user.json", "opensandbox", "", "", []string{"identity-invalid"}},
	{"platforms/opensandbox/egress.json", "opensandbox", "", "", []string{"pod-security"}},
	{"platforms/opensandbox/pool-with-claim.json", "opensandbox", "", "", []string{"identity-missing"}},
}

// TestReported holds the policies to them, where USERSCOPE_CORPUS says that they lie beside.
func TestReported(t *testing.T) {
	corpus := os.Getenv("USERSCOPE_CORPUS")
	if corpus == "" {
		return
	}
	for _, report := range reports {
		content, err := os.ReadFile(filepath.Join(corpus, "..", "cases", report.file))
		if err != nil {
			t.Fatal(err)
		}
		pods := podsOf(t, content)
		if len(pods) != len(report.fates) {
			t.Fatalf("%s has %d Pods, want %d", report.file, len(pods), len(report.fates))
		}
		sent := sandboxCase{name: report.file, Policy: report.policy, Change: json.RawMessage(report.change), Creator: report.creator}
		s := &site{name: report.policy, cases: []sandboxCase{sent}, spec: specOf(t, sent)}
		in := s.installation(t)
		for i, pod := range pods {
			outcome, err := in.Create(sent.request(&in.Oracle[0]), pod)
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range outcome.Problems {
				t.Errorf("%s: %s", report.file, problem)
			}
			fate := strings.Join(rulesIn(outcome.Decision), " ")
			if outcome.Final != nil {
				fate = mounted(t, s.read(t), outcome.Final)[in.Oracle[0].MountPath]
			}
			if fate != report.fates[i] {
				t.Errorf("%s, Pod %d: %q, want %q: %v", report.file, i, fate, report.fates[i], outcome.Decision.Violations)
			}
		}
	}
}

// podsOf returns the Pods of a file, or of its List.
func podsOf(t *testing.T, content []byte) []json.RawMessage {
	t.Helper()
	var pods []json.RawMessage
	for _, document := range yamlstream.Read(content) {
		var list struct {
			Items []json.RawMessage `json:"items"`
		}
		if err := yaml.Unmarshal(document.JSON, &list); err != nil {
			t.Fatal(err)
		}
		if list.Items == nil {
			list.Items = []json.RawMessage{document.JSON}
		}
		pods = append(pods, list.Items...)
	}
	return pods
}
