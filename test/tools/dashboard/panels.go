package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// datasourceVariable is by which whoever looks chooses a Prometheus.
const datasourceVariable = "datasource"

func datasource() common.DataSourceRef {
	return common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${" + datasourceVariable + "}")}
}

// A dashboard is 24 columns wide.
const (
	sixth  = 4
	half   = 12
	low    = 4
	normal = 8
)

// target is a query, and what its lines are called.
type target struct{ expr, legend string }

// graph shows how something went.
func graph(title, description, unit string, targets ...target) panel {
	b := timeseries.NewPanelBuilder().
		Title(title).Description(description).Unit(unit).Min(0).
		Datasource(datasource()).Span(half).Height(normal).FillOpacity(10)
	for i, t := range targets {
		b.WithTarget(prometheus.NewDataqueryBuilder().RefId(string(rune('A' + i))).Datasource(datasource()).Expr(t.expr).LegendFormat(t.legend))
	}
	return b
}

// number shows how something is. It is red below least, and green from there on.
func number(title, description, unit, expr string, least float64) panel {
	return stat.NewPanelBuilder().
		Title(title).Description(description).Unit(unit).
		Datasource(datasource()).Span(sixth).Height(low).
		GraphMode(common.BigValueGraphModeNone).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps([]dashboard.Threshold{
			{Color: "red"}, {Color: "green", Value: cog.ToPtr(least)},
		})).
		WithTarget(prometheus.NewDataqueryBuilder().RefId("A").Datasource(datasource()).Expr(expr).Instant())
}

// webhook are the names of Userscope's webhooks as API servers know them, backstop those of its policies.
const (
	webhook  = `name="pods.userscope.dev"`
	backstop = `policy=~"userscope-.+"`
)

// replicas selects, of what every Go program has, Userscope's.
const replicas = ` and on (namespace, pod, instance) userscope_policy_info`

func rows() []row {
	return []row{
		{"Now", []panel{
			number("Replicas", "Webhooks that are scraped.", units.Short, `count(userscope_policy_info)`, 2),
			number("Replicas with the newest policy", "Of which the policy file, as it is now, is in force.",
				units.PercentUnit, `avg(userscope_policy_last_reload_successful)`, 1),
			number("Replicas with the commonest policy", "Less than all for longer than a ConfigMap travels: replicas decide differently.",
				units.PercentUnit, `max(count by (hash) (userscope_policy_info)) / scalar(count(userscope_policy_info))`, 1),
			number("Certificate", "Until the first replica's expires.", units.Seconds,
				`min(userscope_certificate_not_after_seconds) - time()`, 86400*9),
			number("CA", "Until the issuer's expires.", units.Seconds,
				`min(userscope_issuer_certificate_not_after_seconds{certificate="ca"}) - time()`, 86400*200),
			number("Issuer", "Whether its last look ended well.", units.BoolYesNo, `min(userscope_issuer_last_pass_successful)`, 1),
		}},
		{"Decisions", []panel{
			graph("Requests by verdict", "", units.RequestsPerSecond,
				target{`sum by (verdict) (rate(userscope_decision_duration_seconds_count[$__rate_interval]))`, "{{verdict}}"}),
			graph("Refusals by rule", "A Pod that breaks several rules counts for each. In the range of a query, not by second.", units.Short,
				target{`sum by (rule) (increase(userscope_decisions_total{verdict="refused"}[$__rate_interval])) > 0`, "{{rule}}"},
				target{`sum(increase(userscope_decisions_total{verdict="unjudged"}[$__rate_interval])) > 0`, "unjudged"}),
			graph("Time to decide", "From a decoded request to its answer.", units.Seconds,
				target{`histogram_quantile(0.5, sum by (le) (rate(userscope_decision_duration_seconds_bucket[$__rate_interval])))`, "median"},
				target{`histogram_quantile(0.99, sum by (le) (rate(userscope_decision_duration_seconds_bucket[$__rate_interval])))`, "99th percentile"}),
			graph("In flight", "Requests that a replica is answering.", units.Short,
				target{`sum by (webhook) (controller_runtime_webhook_requests_in_flight` + replicas + `)`, "{{webhook}}"}),
		}},
		{"As API servers see it", []panel{
			graph("Calls", "", units.RequestsPerSecond,
				target{`sum by (operation, rejected) (rate(apiserver_admission_webhook_request_total{` + webhook + `}[$__rate_interval]))`,
					"{{operation}}, rejected: {{rejected}}"}),
			graph("Time that a call takes", "With the way there and back.", units.Seconds,
				target{`histogram_quantile(0.5, sum by (le) (rate(apiserver_admission_webhook_admission_duration_seconds_bucket{` + webhook + `}[$__rate_interval])))`, "median"},
				target{`histogram_quantile(0.99, sum by (le) (rate(apiserver_admission_webhook_admission_duration_seconds_bucket{` + webhook + `}[$__rate_interval])))`, "99th percentile"}),
			graph("Calls that failed", "Sandboxes that were not created, since Userscope did not answer; or that were, since a configuration fails open.", units.Short,
				target{`sum by (operation, error_type) (increase(apiserver_admission_webhook_rejection_count{` + webhook + `, error_type!="no_error"}[$__rate_interval]))`,
					"{{operation}}: {{error_type}}"},
				target{`sum(increase(apiserver_admission_webhook_fail_open_count{` + webhook + `}[$__rate_interval]))`, "failed open"}),
			graph("Refusals by the policies", "What the backstop refuses on creation has passed the webhook. What policies refuse is in no log of Userscope's.", units.Short,
				target{`sum by (policy) (increase(apiserver_validating_admission_policy_check_total{` + backstop + `, enforcement_action="deny"}[$__rate_interval]))`,
					"{{policy}}"}),
		}},
		{"Policy and process", []panel{
			graph("Policy read", "Policies that came into force, and that were not taken because of a mistake.", units.Short,
				target{`sum by (result) (increase(userscope_policy_reloads_total[$__rate_interval]))`, "{{result}}"}),
			graph("Certificates", "Until they expire.", units.Seconds,
				target{`min(userscope_certificate_not_after_seconds) - time()`, "served"},
				target{`min by (certificate) (userscope_issuer_certificate_not_after_seconds) - time()`, "in the Secret: {{certificate}}"}),
			graph("Memory", "Of each replica.", units.BytesIEC, target{`process_resident_memory_bytes` + replicas, "{{pod}}"}),
			graph("CPU", "Of each replica, in cores.", units.Short,
				target{`rate(process_cpu_seconds_total[$__rate_interval])` + replicas, "{{pod}}"}),
		}},
	}
}
