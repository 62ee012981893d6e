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

// Issuer keeps the certificates as they should be.
type Issuer struct {
	cluster  *Cluster
	settings rotation.Settings
	metrics  *metrics

	started time.Time
	history rotation.History
	rivals  contention
	// said is what was logged last of what keeps coming.
	said string

	mu sync.Mutex
	// last is what the last pass ended with.
	last error
}

// errNoPass is the state of an issuer that has only begun.
var errNoPass = errors.New("the issuer has not looked at the cluster yet")

// New returns an issuer. Its metrics are registered by Register.
func New(cluster *Cluster, settings rotation.Settings) *Issuer {
	return &Issuer{
		cluster: cluster, settings: settings, metrics: newMetrics(), started: time.Now(),
		rivals: contention{settings: settings}, last: errNoPass,
	}
}

// Run keeps the certificates as they should be until ctx ends. It looks at the cluster at an interval,
// and again at once where it has written. Nothing that goes wrong ends it: it is logged, and tried
// again.
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

// OnceInterval is how long Once waits between two looks at the cluster.
const OnceInterval = time.Second

// Once works until there is nothing more to do, waiting as long as needs be, or until something goes
// wrong.
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

// say logs what keeps coming once.
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

// kind is the same for errors that differ only in the time at which they are found.
func kind(err error) string {
	if skew := (*rotation.SkewError)(nil); errors.As(err, &skew) {
		return "skew"
	}
	return err.Error()
}

// Ready reports why the last look at the cluster did not end well.
func (i *Issuer) Ready(context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.last
}

// pass looks at the cluster once and does what is to be done. Again means that there may be more to do
// at once; otherwise waiting says what it waits for.
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

// act is a pass without what is made of its end.
func (i *Issuer) act(ctx context.Context, from time.Duration) (again bool, waiting string, err error) {
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	observed, err := i.cluster.Observe(ctx)
	if observed == nil {
		return false, "", err
	}
	i.metrics.observed(observed)
	now := time.Now().Round(0) // the wall clock: certificates know no other
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

// passTimeout bounds a pass, so that what was observed is not acted upon much later.
const passTimeout = 30 * time.Second

// do does all actions, whatever becomes of each.
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
	data, err := o.Secret.Do(action, now, i.settings)
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	secret := o.stored.DeepCopy()
	secret.Data = data
	_, err = i.cluster.secrets.Update(ctx, secret, metav1.UpdateOptions{FieldManager: FieldManager})
	if err != nil {
		return fmt.Errorf("update Secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	return nil
}

// conflict reports whether all that an error says is that somebody else was faster: the next pass
// sees what there is then.
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
