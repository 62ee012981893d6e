package rotation

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/test/kit/pki"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

var rotations = flag.Int("rotations", 3, "how many CAs TestRotation replaces")

// A change may take the propagation bound to be served. It takes the kubelet up to late, and the webhook,
// which looks every second, one more; the rest is for a machine that has much else to do.
const (
	propagation = 4 * time.Second
	late        = 2 * time.Second
)

// No Pod is refused, and none stored unscoped, while every certificate and every CA is replaced, again
// and again, and replicas come and go.
func TestRotation(t *testing.T) {
	install(t)
	i := startIssuer(t, kubeconfig(), lifetimes(54*time.Second, 48*time.Second, propagation)...)
	replicas := []*replica{startReplica(t, late), startReplica(t, late)}
	if err := webhookprocess.AwaitInForce(t.Context(), cluster); err != nil {
		t.Fatal(err)
	}
	awaitRest(t, []*issuer{i}, replicas...)
	traffic, probes := startTraffic(t), startProbes(t, propagation, replicas...)

	begin, replaced := time.Now(), map[string]bool{}
	for n := range *rotations {
		replaced[rotateOnce(t, replicas, n)] = true
		created, _, failed := traffic.result()
		t.Logf("%s: %d of %d CAs replaced, %d Pods created, %d requests failed", time.Since(begin).Round(time.Second), n+1, *rotations, created, len(failed))
		if len(failed) > 0 {
			break
		}
	}
	traffic.stop()

	if len(replaced) != *rotations {
		t.Errorf("%d different CAs were replaced, want %d", len(replaced), *rotations)
	}
	created, scoped, failed := traffic.result()
	if len(failed) > 0 {
		t.Errorf("%d requests failed, the first ones:\n%s", len(failed), strings.Join(failed[:min(10, len(failed))], "\n"))
	}
	if scoped != created {
		t.Errorf("%d of %d Pods are not scoped", created-scoped, created)
	}
	if least := clients * 5 * *rotations; created < least {
		t.Errorf("only %d Pods were created, want %d at the least", created, least)
	}
	if judged := int(probes.judged.Load()); judged < 20**rotations {
		t.Errorf("only %d handshakes could be judged, %d came too late", judged, probes.late.Load())
	}
	t.Logf("%d rotations, %d Pods created, %d requests failed, %d Pods unscoped, %d handshakes trusted", *rotations, created, len(failed), created-scoped, probes.judged.Load())
}

// rotateOnce waits for a whole rotation, and returns the old CA: the one in the caBundles and the one of
// what is served are another, and the old one has left the caBundles. On the way a replica is
// restarted, with whatever lies in its directory then: one time when a new CA comes, one time when it
// signs, one time when the old one goes.
func rotateOnce(t *testing.T, replicas []*replica, n int) (old string) {
	t.Helper()
	await(t, "all is at rest before a rotation", func(ctx context.Context) (err error) {
		if err := atRest(ctx, replicas...); err != nil {
			return err
		}
		old, err = signer(ctx)
		return err
	})
	steps := []struct {
		what string
		done func(context.Context) error
	}{
		{"a new CA is in every caBundle, beside the old one", bundles(func(bundle string) bool {
			return strings.Contains(bundle, old) && len(bundle) > len(old)
		})},
		{"the new CA signs", func(ctx context.Context) error {
			signs, err := signer(ctx)
			if err == nil && signs == old {
				err = errors.New("the old one does")
			}
			return err
		}},
		{"the old CA is in no caBundle", bundles(func(bundle string) bool { return !strings.Contains(bundle, old) })},
	}
	for at, step := range steps {
		await(t, step.what, step.done)
		if at == n%len(steps) {
			replica := replicas[n%len(replicas)]
			replica.stop(t)
			replica.start(t)
		}
	}
	await(t, "all is at rest after a rotation", func(ctx context.Context) error { return atRest(ctx, replicas...) })
	return old
}

// signer is the CA that signs, in PEM.
func signer(ctx context.Context) (string, error) {
	secret, err := readSecret(ctx, servingName)
	if err != nil {
		return "", err
	}
	return string(secret.Data["ca.crt"]), nil
}

// bundles reports in which caBundle something does not hold.
func bundles(holds func(string) bool) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, kind := range []string{mutating, validating} {
			trusted, err := bundle(ctx, kind)
			if err != nil {
				return err
			}
			if !holds(string(trusted)) {
				return fmt.Errorf("not so in the %s:\n%s", kind, trusted)
			}
		}
		return nil
	}
}

// With the same clients and replicas, a CA that is replaced without an overlap is noticed: the test
// above can fail.
func TestNaiveSwap(t *testing.T) {
	install(t)
	naiveSwap(t)
	replicas := []*replica{startReplica(t, late), startReplica(t, late)}
	if err := webhookprocess.AwaitInForce(t.Context(), cluster); err != nil {
		t.Fatal(err)
	}
	traffic := startTraffic(t)
	await(t, "Pods are created", func(context.Context) error {
		if created, _, _ := traffic.result(); created < 5*clients {
			return fmt.Errorf("%d are", created)
		}
		return nil
	})
	if created, scoped, failed := traffic.result(); len(failed) > 0 || scoped < created {
		t.Fatalf("before anything is replaced, %d of %d Pods are scoped, and requests fail: %q", scoped, created, failed)
	}
	naiveSwap(t)
	await(t, "Pods are refused", func(context.Context) error {
		if _, _, failed := traffic.result(); len(failed) == 0 {
			return errors.New("all are admitted")
		}
		return nil
	})
	await(t, "the kubelets have followed", func(ctx context.Context) error { return served(ctx, replicas...) })
	traffic.stop()
	created, scoped, failed := traffic.result()
	if scoped != created {
		t.Errorf("%d of %d Pods are not scoped", created-scoped, created)
	}
	t.Logf("%d Pods created, %d requests failed, the first: %s", created, len(failed), failed[0])
}

// naiveSwap writes a new CA, a certificate of it and the caBundles at once.
func naiveSwap(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	ca, err := pki.WriteServing(dir, host)
	if err != nil {
		t.Fatal(err)
	}
	editSecret(t, servingName, func(secret *corev1.Secret) { secret.Data = readFiles(t, dir) })
	for _, kind := range []string{mutating, validating} {
		setBundle(t, kind, ca)
	}
}
