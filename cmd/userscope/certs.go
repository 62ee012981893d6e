package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"

	"userscope.dev/userscope/certs/issuer"
	"userscope.dev/userscope/certs/rotation"
	"userscope.dev/userscope/certs/status"
	"userscope.dev/userscope/webhook/server"
)

func certsCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "certs",
		Short: "Issue and replace the webhook's certificates",
		Long: `Issue the certificates that the webhook serves, and replace them before they expire, so that at
no time an API server is shown one that it does not trust.

A Secret that no Pod mounts holds a CA with its private key, and another one the serving
certificate that the CA signed: tls.crt, tls.key and ca.crt, which the webhook's Pods mount.
The caBundle of each webhook in the two webhook configurations holds the CA. A new CA is put
into every caBundle before it signs anything, and an old one leaves them once no Pod serves
its certificate any more.

The Secrets and the configurations must be there: none is ever created.`,
		Example: `  userscope certs run
  userscope certs status --address 127.0.0.1:10250`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q", args[0])
			}
			return errors.New("name a command: run, once or status")
		},
	}
	command.AddCommand(certsRunCommand(), certsOnceCommand(), certsStatusCommand())
	return command
}

// servingSecret is the issuer's Secret of the serving certificate by default.
const servingSecret = "userscope-tls" //nolint:gosec // it is a name

// caSecretFlag names the CA's Secret.
const caSecretFlag = "ca-secret-name"

// clusterFlags say which cluster, and what in it.
type clusterFlags struct {
	kubeconfig string
	target     issuer.Target
}

func (f *clusterFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig `FILE`; by default $KUBECONFIG, ~/.kube/config, or the Pod's own ServiceAccount")
	flags.StringVar(&f.target.ServiceName, "service-name", "userscope", "`NAME` of the Service that the certificates name")
	flags.StringVar(&f.target.ServiceNamespace, "service-namespace", "userscope-system", "`NAMESPACE` of that Service and of the Secrets")
	flags.StringVar(&f.target.SecretName, "secret-name", servingSecret, "`NAME` of the Secret of the serving certificate")
	flags.StringVar(&f.target.CASecretName, caSecretFlag, "userscope-issuer-ca", "`NAME` of the Secret of the CA and its private key")
	flags.StringVar(&f.target.ConfigurationName, "configuration", "zz-userscope", "`NAME` of the two webhook configurations")
}

func (f *clusterFlags) cluster() (*issuer.Cluster, error) {
	config, err := loadKubeconfig(f.kubeconfig)
	switch {
	case clientcmd.IsEmptyConfig(err) && f.kubeconfig == "":
		return nil, errors.New("--kubeconfig: name a file: neither $KUBECONFIG nor ~/.kube/config names a cluster, and this is not a Pod")
	case clientcmd.IsEmptyConfig(err): // client-go's words for it speak of a variable that there is no more
		return nil, fmt.Errorf("--kubeconfig %s: names no cluster", f.kubeconfig)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", strings.TrimSpace("--kubeconfig "+f.kubeconfig), err)
	}
	return issuer.NewCluster(config, f.target)
}

// issuerFlags are those of an issuer.
type issuerFlags struct {
	clusterFlags
	settings rotation.Settings
	level    logLevel
}

func (f *issuerFlags) add(command *cobra.Command) {
	f.clusterFlags.add(command)
	defaults, flags := rotation.Defaults(), command.Flags()
	flags.DurationVar(&f.settings.CALifetime, "ca-lifetime", defaults.CALifetime, "`DURATION` for which a CA is valid; it is replaced after two thirds")
	flags.DurationVar(&f.settings.LeafLifetime, "leaf-lifetime", defaults.LeafLifetime, "`DURATION` for which a serving certificate is valid; it is replaced after two thirds")
	flags.DurationVar(&f.settings.Propagation, "propagation", defaults.Propagation, "`DURATION` that a change may take to reach every API server, and every serving Pod")
	flags.Var(&f.level, "log-level", "the least `LEVEL` to log: debug, info, warn or error")
}

// issuer returns the issuer that the flags describe, and the log that it writes to.
func (f *issuerFlags) issuer(cmd *cobra.Command) (*issuer.Issuer, *logWriter, error) {
	log := startLog(cmd, slog.Level(f.level))
	cluster, err := f.cluster()
	if err != nil {
		return nil, nil, err
	}
	return issuer.New(cluster, f.settings), log, nil
}

func (f *issuerFlags) validate() error {
	var noCASecret error
	if f.target.CASecretName == "" {
		noCASecret = fmt.Errorf("--%s: is empty", caSecretFlag)
	}
	return errors.Join(f.target.Validate(), noCASecret, f.settings.Validate())
}

func certsRunCommand() *cobra.Command {
	var f issuerFlags
	var interval time.Duration
	health := server.Health{}
	command := &cobra.Command{
		Use:   "run",
		Short: "Keep the certificates as they should be",
		Long: `Keep the certificates as they should be until a signal ends it. One of it is enough; several
do no harm.

The Secrets and the configurations are looked at every --interval. What is wrong and needs a
person is logged, and /readyz and the metric userscope_issuer_last_pass_successful tell it;
nothing of it ends the program. --propagation is what rotation waits for before a new CA
signs, and before an old one is not trusted any more.

Exit codes: 0 ended by a signal, 1 failed, 2 wrong usage.`,
		Example: `  userscope certs run --service-name userscope --service-namespace userscope-system`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(f.validate(), health.Validate(), f.settings.CheckInterval(interval)); err != nil {
				return err
			}
			return failed(runIssuer(cmd, &f, health, interval))
		},
	}
	f.add(command)
	command.Flags().DurationVar(&interval, "interval", 10*time.Second, "`DURATION` between two looks at the cluster")
	command.Flags().StringVar(&health.Listen, "listen-health", ":8081", "`HOST:PORT` of /healthz, /readyz and /metrics")
	return command
}

func runIssuer(cmd *cobra.Command, f *issuerFlags, health server.Health, interval time.Duration) error {
	certificates, log, err := f.issuer(cmd)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	registry := newRegistry(log)
	certificates.Register(registry)
	health.Ready, health.Metrics = certificates.Ready, registry

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	served := make(chan struct{})
	go func() {
		defer close(served)
		cancel(health.Run(ctx))
	}()
	certificates.Run(ctx, interval)
	<-served
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func certsOnceCommand() *cobra.Command {
	var f issuerFlags
	var timeout time.Duration
	command := &cobra.Command{
		Use:   "once",
		Short: "Bring the certificates to rest, and end",
		Long: `Do what run does, until there is nothing more to do. A rotation takes twice --propagation.

Exit codes: 0 done, 1 failed or not done in --timeout, 2 wrong usage.`,
		Example: `  userscope certs once --kubeconfig admin.kubeconfig --timeout 30m`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(f.validate(), checkTimeout(timeout), checkOnce(f.settings)); err != nil {
				return err
			}
			certificates, _, err := f.issuer(cmd)
			if err != nil {
				return failed(err)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return failed(certificates.Once(ctx))
		},
	}
	f.add(command)
	command.Flags().DurationVar(&timeout, "timeout", 15*time.Minute, "`DURATION` after which it gives up")
	return command
}

func checkTimeout(timeout time.Duration) error {
	if timeout <= 0 {
		return fmt.Errorf("--timeout %s: must be positive", timeout)
	}
	return nil
}

// checkOnce reports a propagation bound that is too short for once, which looks every second.
func checkOnce(settings rotation.Settings) error {
	if settings.Propagation > 0 && settings.CheckInterval(issuer.OnceInterval) != nil {
		return fmt.Errorf("--propagation %s: must be at least twice %s, between two looks at the cluster", settings.Propagation, issuer.OnceInterval)
	}
	return nil
}

func certsStatusCommand() *cobra.Command {
	var f clusterFlags
	var address string
	var timeout time.Duration
	var format outputFormat
	command := &cobra.Command{
		Use:   "status",
		Short: "Show the certificates, and whether they fit together",
		Long: `Show the certificates in the Secrets and in the caBundles, and with --address the one that is
served there, side by side, and say what is wrong: also a CA that no Secret holds, another
Service, failurePolicy Ignore and an immutable Secret.

Name a Secret that is not the issuer's by --secret-name. No CA's Secret is looked at then,
unless --ca-secret-name names one.

Exit codes: 0 all is well, 1 something is not or could not be read, 2 wrong usage.`,
		Example: `  userscope certs status
  kubectl -n userscope-system port-forward service/userscope 10250 &
  userscope certs status --address 127.0.0.1:10250`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.target.SecretName != servingSecret && !cmd.Flags().Changed(caSecretFlag) {
				f.target.CASecretName = "" // cert-manager, or a person, keeps the CA elsewhere
			}
			if err := errors.Join(f.target.Validate(), checkAddress(address), checkTimeout(timeout)); err != nil {
				return err
			}
			cluster, err := f.cluster()
			if err != nil {
				return failed(err)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return printStatus(ctx, cmd.OutOrStdout(), cluster, f.target.Host(), address, format)
		},
	}
	f.add(command)
	command.Flags().StringVar(&address, "address", "", "`HOST:PORT` of a serving Pod or of the Service")
	command.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "`DURATION` after which it gives up")
	format.addFlag(command)
	return command
}

func checkAddress(address string) error {
	if address == "" {
		return nil
	}
	if err := server.CheckAddress(address); err != nil {
		return fmt.Errorf("--address: %w", err)
	}
	return nil
}

func printStatus(ctx context.Context, out io.Writer, cluster *issuer.Cluster, host, address string, format outputFormat) error {
	now := time.Now()
	report, err := status.Look(ctx, cluster, host, address, now)
	if err != nil {
		return failed(err)
	}
	if format == outputJSON {
		err = printJSON(out, report)
	} else {
		err = report.Print(out, now)
	}
	if err == nil && len(report.Problems) > 0 {
		return &exitError{code: exitFailed}
	}
	return failed(err)
}
