package issuer

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"userscope.dev/userscope/certs/pki"
	"userscope.dev/userscope/certs/rotation"
)

var logger = ctrllog.Log.WithName("issuer")

// Issuer issues the certificates and replaces them in time.
type Issuer struct {
	cluster  *Cluster
	settings rotation.Settings
	metrics  *metrics

	started time.Time
	history rotation.History
	rivals  contention
	// said is the last line logged of those that every pass repeats.
	said string

	mu sync.Mutex
	// last is the error of the last pass.
	last error
}

// errNoPass is the state of an issuer before its first pass.
var errNoPass = errors.New("the issuer has not looked at the cluster yet")

// New returns an issuer. Its metrics are registered by Register.
func New(cluster *Cluster, settings rotation.Settings) *Issuer {
	return &Issuer{
		cluster: cluster, settings: settings, metrics: newMetrics(), started: time.Now(),
		rivals: contention{settings: settings}, last: errNoPass,
	}
}

// Run issues and replaces certificates until ctx ends. It looks at the cluster at an interval, and again at once
// after a write. No error ends it: the issuer logs it and tries again.
func (i *Issuer) Run(ctx context.Context, interval time.Duration) {
	for ctx.Err() == nil {
		again, waiting, err := i.pass(ctx)
		if ctx.Err() != nil {
			return
		}
		if again && err == nil {
			continue
		}
		i.say(waiting, err)
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
}

// OnceInterval is the time between two looks of Once at the cluster.
const OnceInterval = time.Second

// Once works until there is nothing more to do, and waits where a rotation waits. It returns the first error.
func (i *Issuer) Once(ctx context.Context) error {
	for {
		again, waiting, err := i.pass(ctx)
		switch {
		case err != nil:
			return err
		case again:
			continue
		case waiting == "":
			return nil
		}
		i.say(waiting, nil)
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; %s", ctx.Err(), waiting)
		case <-time.After(OnceInterval):
		}
	}
}

// say logs the end of a pass, unless the passes before ended alike.
func (i *Issuer) say(waiting string, err error) {
	switch {
	case err != nil && i.said != kind(err):
		i.said = kind(err)
		logger.Error(err, "the certificates need a person")
	case err == nil && waiting != "" && i.said != waiting:
		i.said = waiting
		logger.Info("waiting: " + waiting)
	case err == nil && waiting == "" && i.said != "":
		i.said = ""
		logger.Info("the certificates are as they should be")
	}
}

// kind returns the same text for errors that differ only in the time at which they are found.
func kind(err error) string {
	if skew := (*rotation.SkewError)(nil); errors.As(err, &skew) {
		return "skew"
	}
	return err.Error()
}

// Ready returns the error of the last pass.
func (i *Issuer) Ready(context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.last
}

// pass looks at the cluster once and does the writes that are due. If again is true, more may be due at once.
// Otherwise waiting names the event that the issuer waits for.
func (i *Issuer) pass(ctx context.Context) (again bool, waiting string, err error) {
	from := time.Since(i.started)
	again, waiting, err = i.act(ctx, from)
	switch {
	case again:
	case err != nil:
		i.rivals.broken()
	default:
		err = i.rivals.waiting(waiting, from)
	}
	i.metrics.passed(err)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last = err
	return again, waiting, err
}

// act is a pass without its bookkeeping.
func (i *Issuer) act(ctx context.Context, from time.Duration) (again bool, waiting string, err error) {
	ctx, cancel := context.WithTimeout(ctx, min(passTimeout, i.settings.Propagation))
	defer cancel()
	observed, err := i.cluster.Observe(ctx)
	if observed == nil {
		return false, "", err
	}
	i.metrics.observed(observed)
	now := time.Now().Round(0) // wall clock only: certificates are valid by it
	if err := rotation.CheckClocks(now, i.cluster.clock.at(now)); err != nil {
		return false, "", err
	}
	i.history.Note(now, from, time.Since(i.started), observed.Observed, i.settings)
	actions := rotation.Plan(now, observed.Observed, &i.history, i.settings)
	if len(actions) == 0 {
		return false, rotation.Waiting(now, observed.Observed, i.settings), err
	}
	return true, "", errors.Join(err, i.written(i.do(ctx, now, observed, actions), from))
}

// written ignores a conflict: another writer was faster, and the next pass sees its result. It returns an error if
// passes lose again and again, or find their writes changed.
func (i *Issuer) written(err error, at time.Duration) error {
	if err != nil && !conflict(err) {
		i.rivals.broken()
		return err
	}
	contested := i.rivals.wrote(at)
	if contested != nil && err != nil {
		return fmt.Errorf("%w: %w", contested, err)
	}
	return contested
}

// passTimeout bounds a pass, as the propagation bound does, so that the issuer never acts on an old observation: no
// caBundle may have lost a CA that signs.
const passTimeout = 30 * time.Second

// do does all actions, even if some fail.
func (i *Issuer) do(ctx context.Context, now time.Time, o *Observation, actions []rotation.Action) error {
	var errs []error
	done := func(what string, err error) {
		if err != nil {
			errs = append(errs, err)
			return
		}
		logger.Info(what)
	}
	changed := map[*Webhook]bool{}
	for _, action := range actions {
		if publish, ok := action.(rotation.Publish); ok {
			webhook := o.webhooks[publish.Webhook]
			webhook.CABundle, changed[webhook] = o.bundle(publish.CAs), true
		}
	}
	for _, configuration := range o.Configurations {
		for n := range configuration.Webhooks {
			if changed[&configuration.Webhooks[n]] {
				done(fmt.Sprintf("%s of %s", rotation.Publish{}, configuration), i.cluster.configurations.apply(ctx, configuration))
				break
			}
		}
	}
	for _, action := range actions {
		if _, ok := action.(rotation.Publish); !ok {
			done(action.String(), i.writeSecret(ctx, now, o, action))
		}
	}
	return errors.Join(errs...)
}

func (o *Observation) bundle(ids []rotation.ID) []byte {
	var certificates []*x509.Certificate
	for _, id := range ids {
		certificates = append(certificates, o.known[id])
	}
	return pki.Encode(certificates...)
}

func (i *Issuer) writeSecret(ctx context.Context, now time.Time, o *Observation, action rotation.Action) error {
	serving, authorities, err := o.Secrets.Do(action, now, i.settings)
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	stored, data := o.serving, serving
	if authorities != nil {
		stored, data = o.authorities, authorities
	}
	secret := stored.DeepCopy()
	secret.Data = data
	_, err = i.cluster.secrets.Update(ctx, secret, metav1.UpdateOptions{FieldManager: fieldManager})
	if err != nil {
		return fmt.Errorf("update Secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	return nil
}

// conflict reports whether an error consists of conflicts alone: another writer was faster, and the next pass sees
// its result.
func conflict(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			if !conflict(err) {
				return false
			}
		}
		return true
	}
	return apierrors.IsConflict(err)
}
