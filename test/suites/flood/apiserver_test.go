//go:build !race

package flood

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

// hostileProvisioners are how many send large Pods through the API server at once, which takes far more memory for
// them than the webhook.
const hostileProvisioners = 8

// maxCreations bounds what one of them does, however fast it is.
const maxCreations = 500

// largePods are Pods that cost the webhook much, and the API server not so much that it has no time for more. It
// writes their defaults into them, so that the webhook gets several times as many values.
var largePods = []string{
	sandbox(`"containers":[` + numbered(`{"name":"a-%d","image":"b"}`, 1100) + `]`),
	sandbox(`"containers":[` + numbered(`{"name":"a-%d","image":"b"}`, 6000) + `]`),
	sandbox(`"containers":[{"name":"a","image":"` + strings.Repeat("x", 2<<20) + `"}]`),
	sandbox(`"containers":[{"name":"a","image":"b","volumeMounts":[` + numbered(`{"name":"user-data","mountPath":"/m/%d"}`, 1800) + `]}]`),
}

// numbered is a list of elements with a number each: API servers take far longer over elements of one name.
func numbered(element string, n int) string {
	elements := make([]string, n)
	for i := range elements {
		elements[i] = fmt.Sprintf(element, i)
	}
	return strings.Join(elements, ",")
}

// sandbox is a Pod of the claim with a spec that holds something more.
func sandbox(more string) string {
	return `{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"sandbox-","labels":{"app":"deer-flow-sandbox","user-id":"alice","thread-id":"t"}},` +
		`"spec":{"volumes":[{"name":"user-data","persistentVolumeClaim":{"claimName":"deer-flow-home"}}],` + more + `}}`
}

// small is an ordinary Pod.
var small = sandbox(`"containers":[{"name":"sandbox","image":"none","volumeMounts":[{"name":"user-data","mountPath":"/mnt/user-data","subPath":"threads/t/user-data"}]}]`)

// create creates a Pod, without storing it, and returns how the request ended.
func create(ctx context.Context, client rest.Interface, pod string) string {
	err := client.Post().AbsPath("/api/v1/namespaces/"+controlplane.Namespace+"/pods").Param("dryRun", "All").MaxRetries(0).
		SetHeader("Content-Type", "application/json").Body([]byte(pod)).Do(ctx).Error()
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return "created"
	case apierrors.IsRequestEntityTooLargeError(err) && !strings.Contains(err.Error(), "--max-json-values"):
		return err.Error()
	case errors.As(err, &status):
		return fmt.Sprint(status.Status().Code)
	default:
		return closed
	}
}

// Through an API server all are one peer: a hostile provisioner may keep others from being served, but it neither
// ends the webhook nor takes its memory.
func TestThroughTheAPIServer(t *testing.T) {
	asInstalled(t)
	cluster, err := webhookprocess.StartCluster(t.Context(), controlplane.Options{}, webhookprocess.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.ControlPlane.Stop(); err != nil {
			t.Error(err)
		}
		cluster.Webhook.Kill()
	})
	ctx, end := context.WithTimeout(t.Context(), *floodFor)
	defer end()
	var mu sync.Mutex
	hostile, honest := outcomes{}, outcomes{}
	var clients sync.WaitGroup
	send := func(pods []string, count outcomes, attempts int, pause time.Duration) {
		client, err := kubernetes.NewForConfig(cluster.Config(controlplane.Provisioner))
		if err != nil {
			t.Error(err)
			return
		}
		ticks := time.NewTicker(pause)
		defer ticks.Stop()
		for attempt := 0; attempt < attempts && ctx.Err() == nil; attempt++ {
			outcome := create(context.WithoutCancel(ctx), client.CoreV1().RESTClient(), pods[attempt%len(pods)])
			mu.Lock()
			count[outcome]++
			mu.Unlock()
			<-ticks.C
		}
	}
	for i := range hostileProvisioners {
		pods := slices.Concat(largePods[i%len(largePods):], largePods[:i%len(largePods)])
		clients.Go(func() { send(pods, hostile, maxCreations, time.Millisecond) })
	}
	for range honestClients {
		clients.Go(func() { send([]string{small}, honest, 100*maxCreations, 20*time.Millisecond) })
	}
	clients.Wait()

	if hostile["413"] == 0 || hostile["created"]+hostile["403"] == 0 {
		t.Errorf("the hostile provisioners' Pods: %v, want some refused undecoded and some judged", hostile)
	}
	if honest["created"] == 0 {
		t.Errorf("the others' Pods: %v, want some created", honest)
	}
	peak := wantUnharmed(t, cluster.Webhook)
	failed := 0
	for outcome, n := range honest {
		if outcome != "created" {
			failed += n
		}
	}
	t.Logf("through an API server, %d hostile provisioners for %s: %v; %d honest clients: %d created, %d failed %v; memory at most %s",
		hostileProvisioners, *floodFor, hostile, honestClients, honest["created"], failed, honest, peak)
}
