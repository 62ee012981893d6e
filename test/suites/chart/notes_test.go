package chart

import (
	"strings"
	"testing"
)

// Whoever leaves the webhook's port open is told so at once.
func TestNotesOfAnOpenPort(t *testing.T) {
	const addresses = "networkPolicy: {webhookFrom: [{ipBlock: {cidr: 10.0.0.0/28}}]}"
	for _, test := range []struct {
		name, values string
		open         bool
	}{
		{"by default", "{}", true},
		{"the API servers' addresses", "{" + addresses + "}", false},
		{"no NetworkPolicy", "{networkPolicy: {enabled: false, webhookFrom: [{ipBlock: {cidr: 10.0.0.0/28}}]}}", true},
		{"where no NetworkPolicy holds", "{hostNetwork: true, " + addresses + "}", true},
		{"client certificates", `{hostNetwork: true, clientCertificates: {ca: "-----BEGIN CERTIFICATE-----", names: [a]}}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			notes, problem, err := helm(t, test.values, "install", "userscope", path(t, "manifests", "chart"), "-n", namespace, "--dry-run=client", "-f", "-")
			if err != nil {
				t.Fatalf("%v: %s", err, problem)
			}
			if open := strings.Contains(notes, "THE WEBHOOK'S PORT IS OPEN"); open != test.open || !strings.Contains(notes, "\n\nThen delete the sandboxes") {
				t.Errorf("they say that the port is open: %t, want %t:\n%s", open, test.open, notes)
			}
		})
	}
}
