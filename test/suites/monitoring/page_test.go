package monitoring

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// page opens docs/metrics.md.
const page = `# Metrics

What ` + "`/metrics`" + ` of the two programs says, as they said it when this page was written by ` + "`make generate`" + `. Names,
labels and their values are API. No label ever names a user, a thread or a Pod.

Beside these there are Go's own, ` + "`go_*` and `process_*`" + `. What watches them is in
[manifests/chart/files](../manifests/chart/files): alerts, each with a section in the [runbook](runbook.md), and a
Grafana dashboard. Both also use the API servers' metrics ` + "`apiserver_admission_webhook_*`" + ` and
` + "`apiserver_validating_admission_policy_check_total`" + `: only who calls the webhook sees that it is away.
`

// most is how many values of a label are listed.
const most = 6

// describe writes the table of a scrape, without what every Go program has.
func describe(s scrape) string {
	var table strings.Builder
	table.WriteString("| metric | type | labels | what it says |\n|---|---|---|---|\n")
	for _, name := range s.names() {
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		family := s[name]
		values := map[string]map[string]bool{}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if values[label.GetName()] == nil {
					values[label.GetName()] = map[string]bool{}
				}
				if value := label.GetValue(); value != "" {
					values[label.GetName()]["`"+value+"`"] = true
				}
			}
		}
		var labels []string
		for _, label := range slices.Sorted(maps.Keys(values)) {
			text := "`" + label + "`"
			switch listed := slices.Sorted(maps.Keys(values[label])); {
			case label == "rule":
				text += ": see [rules.md](rules.md)"
			case label != "hash" && len(listed) <= most:
				text += ": " + strings.Join(listed, ", ")
			}
			labels = append(labels, text)
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(family.GetType().String()), strings.Join(labels, "; "), family.GetHelp())
	}
	return table.String()
}

func TestPage(t *testing.T) {
	s := staged(t)
	text := page + "\n## `userscope webhook`\n\n" + describe(s.webhook) + "\n## `userscope certs run`\n\n" + describe(s.issuer)
	upToDate(t, path(t, "docs", "metrics.md"), []byte(text))
}

// The metrics of the certificate are of the one that is served.
func TestCertificate(t *testing.T) {
	s := staged(t)
	block, rest := pem.Decode(s.certificate)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		t.Fatalf("the certificate is no single block of PEM:\n%s", s.certificate)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{
		"userscope_certificate_not_before_seconds": certificate.NotBefore.Unix(),
		"userscope_certificate_not_after_seconds":  certificate.NotAfter.Unix(),
	} {
		metrics := s.webhook[name].GetMetric()
		if len(metrics) != 1 || metrics[0].GetGauge().GetValue() != float64(want) {
			t.Errorf("%s is %v, want %d", name, metrics, want)
		}
	}
}
