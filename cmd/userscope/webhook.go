package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/log"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"userscope.dev/userscope/certs/serving"
	"userscope.dev/userscope/webhook/admission"
	"userscope.dev/userscope/webhook/policy/load"
	"userscope.dev/userscope/webhook/server"
)

func webhookCommand() *cobra.Command {
	var (
		policy  string
		certDir string
		level   logLevel
		options server.Options
		limits  = admission.DefaultLimits()
	)
	command := &cobra.Command{
		Use:   "webhook --policy FILE --cert-dir DIR",
		Short: "Serve the admission webhook",
		Long: `Serve the admission webhook: an API server sends each Pod that is to be created to /mutate,
and Userscope rewrites it, refuses it or lets it pass. To /validate it sends each update and
deletion of a Pod and each new ephemeral container, and Userscope refuses it or lets it pass.

The policy and the certificate are checked before any port is opened. Webhook requests come
over TLS with tls.crt and tls.key of --cert-dir, which are read again when they change; what an
API server would not take is not taken while the old pair is good. A second port, plain HTTP,
serves /healthz (the process lives), /readyz (a TLS handshake with the webhook works, its
certificate is unexpired, names the Service and chains to ca.crt, if it is there) and /metrics.

Whoever reaches the port may ask: name the CA of the API servers' client certificates by
--client-ca and --client-names, or let a NetworkPolicy through nobody else. What one client
can take is bounded: a body of more than --max-json-values is refused with 413, and where
--max-held-bytes or --max-decodes are used up, the client that uses most gets 429.

On SIGTERM or SIGINT the server stops being ready, serves on for --drain-delay, closes its
listener and waits for requests in flight. A second signal ends it at once. The webhook needs
no access to the API server. Once it serves, it logs JSON lines to stderr: a line for each
refusal, and at --log-level debug one for each Pod that passes; never a Pod's contents. It never
waits for the log's reader: lines that are not read in time are lost, and counted.

Exit codes: 0 drained after a signal, 1 failed, 2 wrong usage.`,
		Example: `  userscope webhook --policy policy.yaml --cert-dir /etc/userscope/tls \
    --service-name userscope --service-namespace userscope-system`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var noPolicy, noCertDir error
			if policy == "" {
				noPolicy = errors.New("--policy: name the policy file")
			}
			if certDir == "" {
				noCertDir = errors.New("--cert-dir: name the directory of tls.crt and tls.key")
			}
			if err := errors.Join(noPolicy, noCertDir, options.Validate(), limits.Validate()); err != nil {
				return err
			}
			registry := newRegistry(startLog(cmd, slog.Level(level)))
			return failed(serve(cmd.Context(), policy, certDir, options, limits, registry))
		},
	}
	flags := command.Flags()
	flags.StringVar(&policy, "policy", "", "policy `FILE` (required)")
	flags.StringVar(&certDir, "cert-dir", "", "`DIR` of tls.crt and tls.key, and of ca.crt that they chain to, if it is there (required)")
	flags.StringVar(&options.Listen, "listen", ":10250", "`HOST:PORT` of the webhook; no HOST means all addresses")
	flags.StringVar(&options.ListenHealth, "listen-health", ":8081", "`HOST:PORT` of /healthz, /readyz and /metrics")
	flags.StringVar(&options.ServiceName, "service-name", "", "`NAME` of the Service that the certificate must name for the server to be ready")
	flags.StringVar(&options.ServiceNamespace, "service-namespace", "", "`NAMESPACE` of that Service")
	flags.DurationVar(&options.DrainDelay, "drain-delay", server.DefaultDrainDelay, "`DURATION` to serve on, unready, once told to end")
	flags.StringVar(&options.ClientCA, "client-ca", "", "`FILE` of the CAs whose client certificates API servers present; it is read again when it changes. By default nobody needs one")
	flags.StringSliceVar(&options.ClientNames, "client-names", nil, "common or DNS `NAME`s of these certificates, of which a cluster's CA also signs others (required with --client-ca)")
	flags.DurationVar(&options.ReadTimeout, "read-timeout", server.DefaultReadTimeout, "`DURATION` in which a request must have come, its body included")
	flags.IntVar(&options.MaxConnections, "max-connections", server.DefaultMaxConnections, "`NUMBER` of connections to the webhook at once")
	flags.IntVar(&limits.Values, "max-json-values", 0, "most JSON values of a request's body, a larger `NUMBER` is refused with 413; 0 follows from the bounds of the policies")
	flags.Int64Var(&limits.Bytes, "max-held-bytes", limits.Bytes, "most `BYTES` of bodies that all requests hold together")
	flags.IntVar(&limits.Decodes, "max-decodes", limits.Decodes, "`NUMBER` of bodies that are decoded and judged at once")
	flags.DurationVar(&limits.Wait, "max-wait", limits.Wait, "`DURATION` that a body may wait for its turn to be judged")
	flags.Var(&level, "log-level", "the least `LEVEL` to log: debug, info, warn or error")
	return command
}

// reloadInterval is how often the policy file and its keys are read again: often enough for a
// person who waits, and far more often than the kubelet updates a mounted ConfigMap.
const reloadInterval = 2 * time.Second

// reloads tells people and alerts what became of a policy file.
type reloads struct {
	file       string
	source     *load.Source
	successful prometheus.Gauge
	total      *prometheus.CounterVec
}

// The results of reading the policy file, as its counter names them.
const (
	success = "success"
	failure = "failure"
)

func newReloads(file string, source *load.Source, registry prometheus.Registerer) *reloads {
	r := &reloads{
		file:   file,
		source: source,
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "userscope_policy_last_reload_successful",
			Help: "Whether the policy file and its keys, as they are now, are in force (1), or are not taken because of a mistake (0).",
		}),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "userscope_policy_reloads_total",
			Help: "How often the policy file or its keys were new and came into force (success), the first time included, or were not taken because of a mistake (failure).",
		}, []string{"result"}),
	}
	r.total.WithLabelValues(success)
	r.total.WithLabelValues(failure)
	hash := prometheus.NewDesc("userscope_policy_info",
		"Always 1; the label hash is the SHA-256 of the policy file that is in force, as sha256sum prints it. Keys have no part in it.", []string{"hash"}, nil)
	registry.MustRegister(r.successful, r.total, prometheus.CollectorFunc(func(metrics chan<- prometheus.Metric) {
		metrics <- prometheus.MustNewConstMetric(hash, prometheus.GaugeValue, 1, source.Hash())
	}))
	return r
}

// report is called with nil when what the file says has come into force.
func (r *reloads) report(err error) {
	logger := log.Log.WithName("policy").WithValues("file", r.file)
	if err != nil {
		r.successful.Set(0)
		r.total.WithLabelValues(failure).Inc()
		logger.Error(err, "the policy or its keys are not taken, the old ones stay in force")
		return
	}
	r.successful.Set(1)
	r.total.WithLabelValues(success).Inc()
	var inForce []string
	for _, policy := range r.source.Policies() {
		inForce = append(inForce, fmt.Sprintf("%s: proof %s, keys %d", policy.Name, policy.Proof, len(policy.Keys)))
	}
	logger.Info("the policy is in force", "policies", inForce, "hash", r.source.Hash())
}

// serve runs the webhook until a signal ends it.
func serve(
	ctx context.Context, policy, certDir string, options server.Options, limits admission.Limits, registry *prometheus.Registry,
) error {
	source, err := load.Open(policy)
	if err != nil {
		return err
	}
	certificates, err := serving.Open(certDir, options.ServiceHost())
	if err != nil {
		return fmt.Errorf("--cert-dir: %w", err)
	}
	certificates.Register(registry)
	reloads := newReloads(policy, source, registry)
	handler, err := admission.New(source.Policies, registry)
	if err != nil {
		return err
	}
	srv, err := server.New(options, certificates, admission.NewWebhook(handler, limits), prometheus.Gatherers{ctrlmetrics.Registry, registry})
	if err != nil {
		return err
	}

	if err := srv.Register(registry); err != nil {
		return err
	}

	signalled, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, drain := context.WithCancel(ctx)
	defer drain()
	// Once the first signal is seen to be acted upon, the next has its default effect: the end.
	context.AfterFunc(signalled, func() { stop(); drain() })
	reloads.report(nil)
	go source.Watch(ctx, reloadInterval, reloads.report)
	return srv.Run(ctx)
}
