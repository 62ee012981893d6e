package issuer

import (
	"github.com/prometheus/client_golang/prometheus"

	"userscope.dev/userscope/certs/rotation"
)

type metrics struct {
	successful, timestamp prometheus.Gauge
	notAfter              *prometheus.GaugeVec
}

func newMetrics() *metrics {
	return &metrics{
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "userscope_issuer_last_pass_successful",
			Help: "Whether the issuer's last look at the Secrets and the webhook configurations ended well (1), or with something that a person must see to (0).",
		}),
		timestamp: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "userscope_issuer_last_pass_timestamp_seconds",
			Help: "When the issuer last looked at the Secrets and the webhook configurations, in seconds since 1970.",
		}),
		notAfter: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "userscope_issuer_certificate_not_after_seconds",
			Help: "When the certificates in the Secrets expire, in seconds since 1970: ca, which signs, and serving, or something that it chains by.",
		}, []string{"certificate"}),
	}
}

// Register adds the issuer's metrics to a registry.
func (i *Issuer) Register(registry prometheus.Registerer) {
	registry.MustRegister(i.metrics.successful, i.metrics.timestamp, i.metrics.notAfter)
}

func (m *metrics) passed(err error) {
	m.timestamp.SetToCurrentTime()
	if err == nil {
		m.successful.Set(1)
	} else {
		m.successful.Set(0)
	}
}

func (m *metrics) observed(o *Observation) {
	set := func(certificate string, v *rotation.Validity) {
		if v == nil {
			m.notAfter.DeleteLabelValues(certificate)
			return
		}
		m.notAfter.WithLabelValues(certificate).Set(float64(v.NotAfter.Unix()))
	}
	var ca, serving *rotation.Validity
	if o.CA != nil {
		ca = &o.CA.Validity
	}
	if o.Leaf != nil {
		serving = &o.Leaf.Validity
	}
	set("ca", ca)
	set("serving", serving)
}
