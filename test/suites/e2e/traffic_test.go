//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/installation"
)

// traffic is what becomes of Pods that are created, sandboxes and others at once, without a pause worth the name.
type traffic struct {
	c      *cluster
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu sync.Mutex
	// since is what has happened since the last reset.
	since tally
}

// tally is what has become of a number of Pods.
type tally struct {
	began             time.Time
	sandboxes, others count
	// unscoped are sandboxes that were stored otherwise than they have to be.
	unscoped int
	// faults are some of the errors.
	faults []string
}

type count struct {
	tried, failed int
	// streak is how many in a row have not failed.
	streak int
	// lastFailed is when the last failed request came back.
	lastFailed time.Time
}

// clients is how many create sandboxes at once. As many more create other Pods.
const clients = 3

// startTraffic starts the clients.
func startTraffic(ctx context.Context, c *cluster) *traffic {
	ctx, cancel := context.WithCancel(ctx)
	f := &traffic{c: c, cancel: cancel, since: tally{began: time.Now()}}
	for client := range clients {
		f.done.Go(func() {
			f.each(ctx, func(ctx context.Context, n int) {
				f.sandbox(ctx, fmt.Sprintf("user-%d", client), fmt.Sprintf("thread-%d", n))
			})
		})
		f.done.Go(func() {
			f.each(ctx, func(ctx context.Context, n int) { f.other(ctx, fmt.Sprintf("other-%d-%d", client, n)) })
		})
	}
	return f
}

// stop ends the clients.
func (f *traffic) stop() {
	f.cancel()
	f.done.Wait()
}

// pause is between two Pods of a client.
const pause = 100 * time.Millisecond

func (f *traffic) each(ctx context.Context, do func(context.Context, int)) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			// What has begun is finished.
			one, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
			do(one, n)
			cancel()
		}
	}
}

// sandbox creates one that is mounted by thread alone, which nobody but the webhook puts right.
func (f *traffic) sandbox(ctx context.Context, user, thread string) {
	i := identity{user, thread}
	pod := waiting(oldSandbox(user+"-"+thread, i))
	stored, err := f.create(ctx, f.c.Provisioner, pod)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since.sandboxes.note(err)
	f.since.remember(err)
	if err == nil && stored.Spec.Containers[0].VolumeMounts[0].SubPath != i.userData() {
		f.since.unscoped++
	}
}

// other creates a Pod in the same namespace that is none of Userscope's business.
func (f *traffic) other(ctx context.Context, name string) {
	pod := waiting(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
	})
	_, err := f.create(ctx, f.c.Admin, pod)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since.others.note(err)
	f.since.remember(err)
}

// waiting is a Pod that no node gets: what counts here is what is stored.
func waiting(pod *corev1.Pod) *corev1.Pod {
	pod.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "userscope.dev/test"}}
	return pod
}

// create creates a Pod, and deletes it. It returns the Pod as it was stored.
func (f *traffic) create(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod) (*corev1.Pod, error) {
	stored, err := client.CoreV1().Pods(installation.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	// What is left when this fails, for example as the API server is gone, goes with the namespace's other Pods.
	_ = f.c.Admin.CoreV1().Pods(installation.Namespace).Delete(ctx, stored.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
	return stored, nil
}

func (n *count) note(err error) {
	n.tried++
	n.streak++
	if err != nil {
		n.failed++
		n.streak = 0
		n.lastFailed = time.Now()
	}
}

func (s *tally) remember(err error) {
	const most = 5
	if err != nil && len(s.faults) < most {
		s.faults = append(s.faults, time.Now().Format(time.TimeOnly+".000 ")+err.Error())
	}
}

// reset begins to count anew.
func (f *traffic) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since = tally{began: time.Now()}
}

// enough is how many Pods in a row must not fail, of either kind, until all is taken to be well again: two
// seconds' worth.
const enough = clients * 20

// settled waits until enough Pods in a row were created from now on, and returns what has happened since the
// reset.
func (f *traffic) settled(ctx context.Context) (result tally, err error) {
	f.mu.Lock()
	f.since.sandboxes.streak, f.since.others.streak = 0, 0
	f.mu.Unlock()
	err = installation.Await(ctx, "Pods that are created without a failure", func(context.Context) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		result = f.since
		if result.sandboxes.streak < enough || result.others.streak < enough {
			return fmt.Errorf("%+v", result)
		}
		return nil
	})
	return result, err
}

// recovered is how long after the fault the last request failed, for which it is counted.
func (s tally) recovered(n count) time.Duration {
	if n.failed == 0 {
		return 0
	}
	return n.lastFailed.Sub(s.began)
}
