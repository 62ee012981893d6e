package admission

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"userscope.dev/userscope/webhook/scope"
)

// metrics count decisions, by what was decided and never by whom it concerned.
type metrics struct {
	decisions *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	limited   *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "userscope_decisions_total",
			Help: "Decisions on admission requests by verdict and rule. A refusal counts once for each rule that it names; " +
				"other verdicts have no rule. For requests see userscope_decision_duration_seconds_count.",
		}, []string{"verdict", "rule"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "userscope_decision_duration_seconds",
			Help:    "Time from a decoded admission request to its decision, by verdict.",
			Buckets: prometheus.ExponentialBuckets(25e-6, 4, 8), // 25 µs to 0.4 s
		}, []string{"verdict"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "userscope_limited_requests_total",
			Help: "Requests that were refused undecoded, by the limit that they exceed. They are no decisions.",
		}, []string{"limit"}),
	}
	// All begin at zero: of a counter that appears with its first event, no query sees the increase.
	for _, verdict := range []string{string(scope.Ungoverned), string(scope.Allowed), string(scope.Rewritten), unjudged} {
		m.duration.WithLabelValues(verdict)
		m.decisions.WithLabelValues(verdict, "")
	}
	m.duration.WithLabelValues(string(scope.Refused))
	for _, rule := range scope.Rules() {
		m.decisions.WithLabelValues(string(scope.Refused), string(rule))
	}
	for _, limit := range []string{limitBody, limitValues, limitBytes, limitWait, limitArrival} {
		m.limited.WithLabelValues(limit)
	}
	return m, errors.Join(registerer.Register(m.decisions), registerer.Register(m.duration), registerer.Register(m.limited))
}

// observe records one request.
func (m *metrics) observe(verdict string, rules []string, took time.Duration) {
	m.duration.WithLabelValues(verdict).Observe(took.Seconds())
	if len(rules) == 0 {
		m.decisions.WithLabelValues(verdict, "").Inc()
	}
	for _, rule := range rules {
		m.decisions.WithLabelValues(verdict, rule).Inc()
	}
}
