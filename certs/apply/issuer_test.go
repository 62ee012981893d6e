package apply

import (
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

	"userscope.dev/userscope/certs/plan"
)

// target is that of these tests.
var target = Target{ //nolint:gosec // the name of a Secret is none
	ServiceName: "userscope", ServiceNamespace: "userscope-system", SecretName: "userscope-tls", ConfigurationName: "zz-userscope",
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

// Conflicts, and what is found changed after it was written, are nobody's mistake until they go on.
func TestContested(t *testing.T) {
	const often = "at least 5 times in a row: something else keeps writing it, see kubectl get --show-managed-fields"
	lost, overwritten := fmt.Sprintf("%v (%s)", conflicted, often), "the Secret or a caBundle was found changed after it was written, "+often
	i := New(nil, plan.Defaults())
	for n, pass := range []struct {
		err  error
		want string
	}{
		{conflicted, ""}, {nil, ""}, {nil, ""}, {conflicted, ""},
		{nil, overwritten}, {conflicted, lost}, {forbidden, forbidden.Error()}, {nil, overwritten},
	} {
		if got := i.contested(pass.err); got == nil && pass.want != "" || got != nil && got.Error() != pass.want {
			t.Errorf("pass %d: %v, want %q", n, got, pass.want)
		}
	}
}

// Before it has looked, an issuer knows of nothing, and so it is not ready.
func TestReadyAtTheBeginning(t *testing.T) {
	if err := New(nil, plan.Defaults()).Ready(t.Context()); !errors.Is(err, errNoPass) {
		t.Errorf("ready: %v, want %v", err, errNoPass)
	}
}

// skewed is what an issuer says at some time whose clock runs ahead.
func skewed(after time.Duration) error {
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).Add(after)
	return plan.CheckClocks(at.Add(2*time.Hour), at)
}

// What keeps coming is logged once, and so is its end.
func TestSay(t *testing.T) {
	i := New(nil, plan.Defaults())
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
	i := New(nil, plan.Defaults())
	if got := gauges(t, i); len(got) != 2 || got[successful] != 0 || got[timestamp] != 0 {
		t.Errorf("before any pass the metrics are %v", got)
	}
	begin := time.Now()
	i.metrics.observed(&Observation{Observed: &plan.Observed{
		CA:   &plan.CA{Validity: plan.Validity{NotAfter: time.Unix(2000, 0)}},
		Leaf: &plan.Leaf{Validity: plan.Validity{NotAfter: time.Unix(1000, 0)}},
	}})
	i.metrics.passed(nil)
	got := gauges(t, i)
	if got[successful] != 1 || got[caEnd] != 2000 || got[servingEnd] != 1000 {
		t.Errorf("after a good pass the metrics are %v", got)
	}
	if at := got[timestamp]; at < float64(begin.Unix()) || at > float64(time.Now().Unix()+1) {
		t.Errorf("the pass was at %f, it is %d", at, time.Now().Unix())
	}

	i.metrics.observed(&Observation{Observed: &plan.Observed{CA: &plan.CA{Validity: plan.Validity{NotAfter: time.Unix(2000, 0)}}}})
	i.metrics.passed(forbidden)
	got = gauges(t, i)
	if _, ok := got[servingEnd]; ok || got[caEnd] != 2000 || got[successful] != 0 {
		t.Errorf("after a bad pass, without a serving certificate, the metrics are %v", got)
	}
}
