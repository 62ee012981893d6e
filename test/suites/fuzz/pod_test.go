package fuzz

import (
	"encoding/json"
	"strings"
	"testing"

	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/scope"
)

// FuzzPodJSON has any bytes judged as a Pod, under any name, by every installation.
func FuzzPodJSON(f *testing.F) {
	all, err := differential.Installations()
	if err != nil {
		f.Fatal(err)
	}
	for _, in := range all {
		for _, p := range in.Oracle {
			for _, pod := range pods(p) {
				f.Add([]byte(pod), p.Namespaces[0], p.Provisioners[0], "system:masters")
				f.Add([]byte(pod), p.Namespaces[0], "somebody", "system:authenticated")
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, namespace, username, group string) {
		request := oracle.Request{Namespace: namespace, Username: username, Groups: []string{group}}
		for _, in := range all {
			// As it is, it must only not panic: an API server sends no field twice.
			if pod, unknown, err := podjson.Parse(raw); err == nil {
				scope.Create(in.Policies, scope.Request{
					Namespace: namespace, Creator: scope.Creator{Username: username, Groups: request.Groups}, Pod: pod, Unknown: unknown,
				})
			}
			canonical, ok := canonical(raw)
			if !ok {
				return
			}
			outcome, err := in.Create(request, canonical)
			if err == nil && len(outcome.Problems) > 0 {
				t.Fatalf("%s: %s\n%s", in.Name, strings.Join(outcome.Problems, "\n"), canonical)
			}
		}
	})
}

// canonical is JSON as an API server writes it, with each field once.
func canonical(raw []byte) ([]byte, bool) {
	decoded, err := differential.Object(raw)
	if err != nil {
		return nil, false
	}
	encoded, err := json.Marshal(decoded)
	return encoded, err == nil
}

// pods are a policy's sandboxes and their like, to begin with.
func pods(p oracle.Policy) []string {
	selector, err := json.Marshal(oracle.Wear(p.Selector, oracle.First))
	if err != nil {
		panic(err)
	}
	declared, err := json.Marshal(map[string]string{p.Identity.UserKey: "u-1", p.Identity.ThreadKey: "t1"})
	if err != nil {
		panic(err)
	}
	replace := strings.NewReplacer("SELECTOR", string(selector), "DECLARED", string(declared),
		"CLAIM", inside(p.Claim), "VOLUME", inside(p.Volume), "PATH", inside(p.MountPath), "ROOT/", inside(strings.TrimPrefix(p.Root+"/", "/")),
		"DIRECTORY", inside(strings.NewReplacer("{user}", "u-1", "{thread}", "t1").Replace(p.Directories[len(p.Directories)-1].Path)))
	found := make([]string, len(templates))
	for i, template := range templates {
		found[i] = replace.Replace(template)
	}
	return found
}

// inside writes a text as it stands inside a JSON string.
func inside(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(encoded[1 : len(encoded)-1])
}

var templates = []string{
	`{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"p-","labels":SELECTOR,"annotations":DECLARED},"spec":{
		"volumes":[{"name":"VOLUME","hostPath":{"path":"/base/threads/t1/user-data","type":"DirectoryOrCreate"}},
			{"name":"more","persistentVolumeClaim":{"claimName":"CLAIM"}},{"name":"scratch","emptyDir":{}}],
		"initContainers":[{"name":"i","volumeMounts":[{"name":"more","mountPath":"/more/","subPath":"ROOT/./DIRECTORY"}]}],
		"containers":[{"name":"c","env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}],
			"volumeMounts":[{"name":"VOLUME","mountPath":"PATH/","subPathExpr":"$(X)","readOnly":false},{"name":"scratch","mountPath":"/tmp","subPath":"x"}]}]}}`,
	`{"metadata":{"labels":SELECTOR},"spec":{"serviceAccountName":"default","containers":[{"name":"c","securityContext":{"privileged":false,"capabilities":{"add":["CHOWN"]}}}],
		"securityContext":{"fsGroup":2000,"seLinuxOptions":{"level":"s0:c7"},"sysctls":[{"name":"net.ipv4.tcp_syncookies","value":"1"}]}}}`,
	`{"metadata":{"labels":{"app":"gateway"},"ownerReferences":[{"kind":"ReplicaSet","name":"g","controller":true}]},"spec":{
		"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"CLAIM","readOnly":true}}],
		"containers":[{"name":"c","volumeMounts":[{"name":"v","mountPath":"/v","subPath":"ROOT"}]}]}}`,
	`{"metadata":{"labels":SELECTOR,"annotations":DECLARED},"spec":{
		"volumes":[{"name":"h","hostPath":{"path":"/skills"}},{"name":"s","secret":{"secretName":"lab-key"}},{"name":"n","nfs":{"server":"n","path":"/"}},
			{"name":"e","ephemeral":{"volumeClaimTemplate":{"spec":{"dataSource":{"kind":"PersistentVolumeClaim","name":"CLAIM"}}}}},
			{"name":"kube-api-access-x","projected":{"sources":[{"serviceAccountToken":{"path":"token","expirationSeconds":3607}},{"configMap":{"name":"r"}}]}},
			{"name":"t","tomorrow":{"claimName":"CLAIM"}}],
		"containers":[{"name":"c","envFrom":[{"secretRef":{"name":"lab-token"}}],"volumeMounts":[{"name":"h","mountPath":"/h","tomorrow":1}],"volumeDevices":[{"name":"e","devicePath":"/dev/e"}]}],
		"ephemeralContainers":[{"name":"d","volumeMounts":[{"name":"h","mountPath":"/h"}]}],
		"resourceClaims":[{"name":"r","resourceClaimName":"gpu"}],"runtimeClassName":"kata"}}`,
}
