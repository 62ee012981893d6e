package monitoring

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// unitTests are promtool's of the alerts.
const unitTests = "alerts.yaml"

func promtool(t *testing.T, args ...string) {
	t.Helper()
	if said, err := exec.Command(path(t, "bin", "promtool"), args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v (`make bin/promtool` builds it)\n%s", strings.Join(args, " "), err, said)
	}
}

func TestRules(t *testing.T) {
	promtool(t, "check", "rules", alertsFile(t))
	promtool(t, "test", "rules", unitTests)
}

// Each alert is seen to fire, and not to fire, by a unit test.
func TestEveryRuleIsTested(t *testing.T) {
	text, err := os.ReadFile(unitTests)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tests []struct {
			Rules []struct {
				Alert    string `json:"alertname"`
				Expected []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, rule := range test.Rules {
			if len(rule.Expected) > 0 {
				fires[rule.Alert] = true
			} else {
				rests[rule.Alert] = true
			}
		}
	}
	for _, alert := range alerts(t) {
		if !fires[alert.Alert] || !rests[alert.Alert] {
			t.Errorf("%s: tested to fire: %t, and not to: %t", alert.Alert, fires[alert.Alert], rests[alert.Alert])
		}
	}
}

// Whoever is woken finds what to do: each alert leads to a section of the runbook, and no section is
// left from an alert that is gone.
func TestRunbook(t *testing.T) {
	text, err := os.ReadFile(path(t, "docs", "runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	var sections, names []string
	for _, heading := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(string(text), -1) {
		sections = append(sections, heading[1])
	}
	for _, alert := range alerts(t) {
		names = append(names, alert.Alert)
		if want := "https://userscope.dev/docs/runbook.md#" + strings.ToLower(alert.Alert); alert.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %q", alert.Alert, alert.Annotations["runbook_url"], want)
		}
		if alert.Annotations["summary"] == "" || alert.Annotations["description"] == "" {
			t.Errorf("%s: has no summary or no description", alert.Alert)
		}
		if severity := alert.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s: severity is %q, want critical or warning", alert.Alert, severity)
		}
	}
	names = slices.Compact(names) // a warning and what it grows into follow each other
	if !slices.Equal(sections, names) {
		t.Errorf("the runbook has the sections\n%q\nthe alerts are\n%q", sections, names)
	}
}

// kubectl shows the last ten lines of Pods that are named by labels, unless it is told to show all.
func TestRunbookShowsWholeLogs(t *testing.T) {
	text, err := os.ReadFile(path(t, "docs", "runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	byLabel := regexp.MustCompile("kubectl logs [^`\n]*-l [^`\n]*").FindAllString(string(text), -1)
	if len(byLabel) == 0 {
		t.Error("there is no such command")
	}
	for _, command := range byLabel {
		if !strings.Contains(command, " --tail=-1 ") {
			t.Errorf("not the whole log: %s", command)
		}
	}
}
