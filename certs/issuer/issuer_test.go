package issuer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"userscope.dev/userscope/certs/rotation"
)

// target is that of these tests.
var target = Target{ //nolint:gosec // the name of a Secret is none
	ServiceName: "userscope", ServiceNamespace: "userscope-system",
	SecretName: "userscope-tls", CASecretName: "userscope-issuer-ca", ConfigurationName: "zz-userscope",
}

var (
	logMu sync.Mutex
	log   []string
)

func TestMain(m *testing.M) {
	ctrllog.SetLogger(funcr.New(func(_, args string) {
		logMu.Lock()
		defer logMu.Unlock()
		log = append(log, args)
	}, funcr.Options{}))
	os.Exit(m.Run())
}

func TestTarget(t *testing.T) {
	if err := target.Validate(); err != nil {
		t.Error(err)
	}
	if got, want := target.Host(), "userscope.userscope-system.svc"; got != want {
		t.Errorf("the host is %s, want %s", got, want)
	}
	want := "--service-name: is empty\n--service-namespace: is empty\n--secret-name: is empty\n--configuration: is empty"
	if err := (Target{}).Validate(); err == nil || err.Error() != want {
		t.Errorf("of nothing: %v, want\n%s", err, want)
	}
	one := target
	one.SecretName = ""
	if err := one.Validate(); err == nil || err.Error() != "--secret-name: is empty" {
		t.Errorf("without a Secret: %v", err)
	}
	one = target
	one.CASecretName = one.SecretName
	if err := one.Validate(); err == nil || err.Error() != `--ca-secret-name: "userscope-tls" is the Secret that the webhook's Pods mount: name another one` {
		t.Errorf("with one Secret for both: %v", err)
	}
	one.CASecretName = ""
	if err := one.Validate(); err != nil {
		t.Errorf("without a CA's Secret: %v", err)
	}
}

var (
	conflicted = apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "userscope-tls", errors.New("the object has been modified"))
	forbidden  = apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "userscope-tls", errors.New("no"))
)

// A conflict is one only if nothing else went wrong.
func TestConflict(t *testing.T) {
	wrapped := fmt.Errorf("update Secret a/b: %w", conflicted)
	for _, test := range []struct {
		name string
		err  error
		want bool
	}{
		{"a conflict", conflicted, true},
		{"one that says where", wrapped, true},
		{"two", errors.Join(conflicted, wrapped), true},
		{"one of one", errors.Join(wrapped), true},
		{"another error", forbidden, false},
		{"a conflict and another error", errors.Join(wrapped, forbidden), false},
		{"another error and a conflict", errors.Join(forbidden, wrapped), false},
		{"no answer", errors.New("connection refused"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := conflict(test.err); got != test.want {
				t.Errorf("%t, want %t", got, test.want)
			}
		})
	}
}

// Conflicts are nobody's mistake until they go on. Any other error is reported at once, and counts as no write.
func TestWritten(t *testing.T) {
	i := New(nil, rotation.Defaults())
	for n := range maxWrites - 1 {
		if err := i.written(conflicted, 0); err != nil {
			t.Errorf("conflict %d: %v", n+1, err)
		}
	}
	if err := i.written(forbidden, 0); !errors.Is(err, forbidden) || err.Error() != forbidden.Error() {
		t.Errorf("refused: %v", err)
	}
	err := i.written(conflicted, 0)
	if want := overwritten + ": " + conflicted.Error(); err == nil || err.Error() != want {
		t.Errorf("one conflict more: %v, want %s", err, want)
	}
	if err := i.written(nil, 0); err == nil || err.Error() != overwritten {
		t.Errorf("one write more: %v, want %s", err, overwritten)
	}
}

// Between what somebody else writes, all may be as it should be. He is not forgotten for that.
func TestContestedAtRest(t *testing.T) {
	api := filled(t)
	api.caBundle = api.serving["ca.crt"]
	i := api.issuer(t, rotation.Defaults())
	for wrote, want := range map[time.Duration]string{
		time.Since(i.started): "the Secret or a caBundle was found changed at least 5 times, ",
		time.Since(i.started) - rotation.Defaults().Propagation: "",
	} {
		i.rivals.writes, i.rivals.lastWrite = maxWrites, wrote
		again, _, err := i.pass(t.Context())
		if again || err == nil && want != "" || err != nil && (want == "" || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("again %t, %v, want %q", again, err, want)
		}
	}
}

// A configuration that somebody else writes again and again keeps the next CA waiting. That is said, and no more once
// he leaves it alone; and what is wrong meanwhile, and so known, is no wait.
func TestNextCAIsKeptWaiting(t *testing.T) {
	api, ca, next := introduced(t)
	api.caBundle = append(bytes.Clone(ca), next...)
	settings := rotation.Defaults()
	settings.Propagation = 500 * time.Millisecond
	i := api.issuer(t, settings)
	begin := time.Now()
	var err error
	for err == nil && time.Since(begin) < time.Minute {
		api.generation.Add(1)
		var again bool
		if again, _, err = i.pass(t.Context()); again {
			t.Fatal("the next CA signs")
		}
	}
	if err == nil || !strings.HasPrefix(err.Error(), "the next CA signs once it has been in every caBundle for 500ms, and that has not come in 1.5s: ") || time.Since(begin) < 3*settings.Propagation {
		t.Fatalf("after %s: %v", time.Since(begin), err)
	}
	if ready := i.Ready(t.Context()); !errors.Is(ready, err) {
		t.Errorf("ready: %v", ready)
	}

	api.ahead.Store(int64(time.Hour))
	if _, _, err := i.pass(t.Context()); err == nil {
		t.Fatal("clocks that differ are nothing")
	}
	api.ahead.Store(0)
	api.generation.Add(1)
	if _, waiting, err := i.pass(t.Context()); waiting == "" || err != nil {
		t.Errorf("when they agree again: waiting %q, %v", waiting, err)
	}
	for again := false; !again; {
		if again, _, err = i.pass(t.Context()); time.Since(begin) > time.Minute {
			t.Fatalf("left alone, the next CA does not sign: %v", err)
		}
	}
}

// What could not be written is known to be wrong, and is no wait: how long that took does not count.
func TestRefusedWriteIsNoWait(t *testing.T) {
	api, ca, next := introduced(t)
	both := append(bytes.Clone(ca), next...)
	api.caBundle = both
	i := api.issuer(t, rotation.Defaults())
	if _, waiting, err := i.pass(t.Context()); waiting == "" || err != nil {
		t.Fatalf("waiting %q, %v", waiting, err)
	}
	i.rivals.wait.since = -time.Hour
	api.caBundle, api.refuses = ca, true
	if _, _, err := i.pass(t.Context()); !apierrors.IsForbidden(err) {
		t.Fatalf("refused: %v", err)
	}
	api.caBundle, api.refuses = both, false
	if again, waiting, err := i.pass(t.Context()); again || waiting == "" || err != nil {
		t.Errorf("once it may be written: again %t, waiting %q, %v", again, waiting, err)
	}
}

// What the issuer writes on the way does not end a wait: who undoes it each time would never be told of.
func TestWriteEndsNoWait(t *testing.T) {
	i := filled(t).issuer(t, rotation.Defaults())
	began := wait{what: "a", since: 1, always: 2}
	i.rivals.wait = began
	if again, _, err := i.pass(t.Context()); !again || err != nil {
		t.Fatalf("again %t, %v, want the caBundles written", again, err)
	}
	if i.rivals.wait != began {
		t.Errorf("it waits %+v, want %+v", i.rivals.wait, began)
	}
}

// Before it has looked, an issuer knows of nothing, and so it is not ready.
func TestReadyAtTheBeginning(t *testing.T) {
	if err := New(nil, rotation.Defaults()).Ready(t.Context()); !errors.Is(err, errNoPass) {
		t.Errorf("ready: %v, want %v", err, errNoPass)
	}
}

// skewed is what an issuer says at some time whose clock runs ahead.
func skewed(after time.Duration) error {
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).Add(after)
	return rotation.CheckClocks(at.Add(2*time.Hour), at)
}

// What keeps coming is logged once, and so is its end.
func TestSay(t *testing.T) {
	i := New(nil, rotation.Defaults())
	logMu.Lock()
	log = nil
	logMu.Unlock()
	for _, pass := range []struct {
		waiting string
		err     error
	}{
		{"", nil}, {"", nil}, // nothing was wrong
		{"the next CA", nil}, {"the next CA", nil},
		{"", errors.New("broken")}, {"", errors.New("broken")},
		{"", errors.New("more broken")},
		{"", skewed(0)}, {"", skewed(time.Second)},
		{"the next CA", nil},
		{"", nil}, {"", nil},
	} {
		i.say(pass.waiting, pass.err)
	}
	logMu.Lock()
	defer logMu.Unlock()
	want := []string{
		`"waiting: the next CA"`,
		`"the certificates need a person" "error"="broken"`,
		`"the certificates need a person" "error"="more broken"`,
		fmt.Sprintf(`"the certificates need a person" "error"=%q`, skewed(0)),
		`"waiting: the next CA"`,
		`"the certificates are as they should be"`,
	}
	for i := range log {
		log[i] = log[i][strings.Index(log[i], `"msg"=`)+len(`"msg"=`):]
	}
	if strings.Join(log, "\n") != strings.Join(want, "\n") {
		t.Errorf("the log is\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(want, "\n"))
	}
}

// gauges are the issuer's metrics by name and label.
func gauges(t *testing.T, i *Issuer) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	i.Register(registry)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := family.GetName()
			for _, label := range metric.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = metric.GetGauge().GetValue()
		}
	}
	return values
}

func TestMetrics(t *testing.T) {
	const (
		successful = "userscope_issuer_last_pass_successful"
		timestamp  = "userscope_issuer_last_pass_timestamp_seconds"
		caEnd      = "userscope_issuer_certificate_not_after_seconds ca"
		servingEnd = "userscope_issuer_certificate_not_after_seconds serving"
	)
	i := New(nil, rotation.Defaults())
	if got := gauges(t, i); len(got) != 2 || got[successful] != 0 || got[timestamp] != 0 {
		t.Errorf("before any pass the metrics are %v", got)
	}
	begin := time.Now()
	i.metrics.observed(&Observation{Observed: &rotation.Observed{
		CA:   &rotation.CA{Validity: rotation.Validity{NotAfter: time.Unix(2000, 0)}},
		Leaf: &rotation.Leaf{Validity: rotation.Validity{NotAfter: time.Unix(1000, 0)}},
	}})
	i.metrics.passed(nil)
	got := gauges(t, i)
	if got[successful] != 1 || got[caEnd] != 2000 || got[servingEnd] != 1000 {
		t.Errorf("after a good pass the metrics are %v", got)
	}
	if at := got[timestamp]; at < float64(begin.Unix()) || at > float64(time.Now().Unix()+1) {
		t.Errorf("the pass was at %f, it is %d", at, time.Now().Unix())
	}

	i.metrics.observed(&Observation{Observed: &rotation.Observed{CA: &rotation.CA{Validity: rotation.Validity{NotAfter: time.Unix(2000, 0)}}}})
	i.metrics.passed(forbidden)
	got = gauges(t, i)
	if _, ok := got[servingEnd]; ok || got[caEnd] != 2000 || got[successful] != 0 {
		t.Errorf("after a bad pass, without a serving certificate, the metrics are %v", got)
	}
}
