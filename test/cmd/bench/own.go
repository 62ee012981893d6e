package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/kit/usage"
	"userscope.dev/userscope/test/kit/webhookprocess"
	"userscope.dev/userscope/webhook/admission"
	policyload "userscope.dev/userscope/webhook/policy/load"
	"userscope.dev/userscope/webhook/scope"
)

// own is what the webhook takes of the machine that it runs on.
type own struct {
	// Handler is the time from the bytes of a review to those of the answer, without network; Decision is the
	// part of it that judges a Pod which is decoded.
	HandlerMicros  figure `json:"handlerMicros"`
	HandlerAllocs  figure `json:"handlerAllocs"`
	DecisionMicros figure `json:"decisionMicros"`
	DecisionAllocs figure `json:"decisionAllocs"`
	// CPU is the process's time for a review that an API server sends, one after the other; FloorCPU the floor's.
	CPUMillis      figure `json:"ownCPUMillis"`
	FloorCPUMillis figure `json:"floorCPUMillis"`
	// RSSIdle is the resident memory of a process that has just become ready, RSS that after so many reviews.
	RSSIdleMiB figure `json:"rssIdleMiB"`
	RSSMiB     figure `json:"rssMiB"`
	Reviews    int    `json:"rssReviews"`
	// Ready is from the start of the process until it says that it is ready.
	ReadySeconds figure `json:"readySeconds"`
	BinaryMiB    figure `json:"binaryMiB"`
	// Image is what a node pulls on amd64, if the image is built.
	ImageMiB figure `json:"imageMiB"`
}

// starts is how often the process is started to see how soon it is ready.
const starts = 5

// measureOwn measures the webhook without an API server.
func (s *site) measureOwn(ctx context.Context, reviews int) (own, error) {
	policy := filepath.Join(s.cluster.Dir, policyFile)
	result := own{Reviews: reviews}
	if err := result.handler(policy, s.pods.sandbox); err != nil {
		return result, err
	}
	body, err := review(s.pods.sandbox, namespaceWebhook)
	if err != nil {
		return result, err
	}
	if err := result.process(ctx, policy, body, reviews); err != nil {
		return result, err
	}
	err = result.files()
	return result, err
}

// handler measures handler and decision in this process.
func (o *own) handler(policy string, pod []byte) error {
	answer, decide, err := inProcess(policy, namespaceWebhook, pod)
	if err != nil {
		return err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(100)) // as the webhook itself
	o.HandlerMicros, o.HandlerAllocs = benchmark(answer)
	o.DecisionMicros, o.DecisionAllocs = benchmark(decide)
	return nil
}

// inProcess returns what answers a review of the Pod, and what only decides about it, under a policy file.
func inProcess(policy, namespace string, pod []byte) (answer, decide func(), err error) {
	source, err := policyload.Open(policy)
	if err != nil {
		return nil, nil, err
	}
	handler, err := admission.New(source.Policies, prometheus.NewRegistry())
	if err != nil {
		return nil, nil, err
	}
	decoded, _, err := admission.DecodePod(pod)
	if err != nil {
		return nil, nil, err
	}
	body, err := review(pod, namespace)
	if err != nil {
		return nil, nil, err
	}
	webhook := admission.NewWebhook(handler, admission.DefaultLimits())
	answer = func() {
		webhook.ServeHTTP(discard{http.Header{}}, &http.Request{
			Header:        http.Header{"Content-Type": {"application/json"}},
			Body:          io.NopCloser(bytes.NewReader(body)),
			ContentLength: int64(len(body)),
		})
	}
	asked := scope.Request{Namespace: namespace, Creator: scope.Creator{Username: controlplane.Provisioner}, Pod: decoded}
	policies := source.Policies()
	return answer, func() { scope.Create(policies, asked) }, nil
}

// benchmark returns the medians of the microseconds and allocations of five runs.
func benchmark(do func()) (micros, allocs figure) {
	var allMicros, allAllocs []figure
	for range 5 {
		result := testing.Benchmark(func(b *testing.B) {
			for b.Loop() {
				do()
			}
		})
		allMicros = append(allMicros, figure(result.T.Nanoseconds())/figure(result.N)/1000)
		allAllocs = append(allAllocs, figure(result.AllocsPerOp()))
	}
	return median(allMicros), median(allAllocs)
}

// discard is a client that reads nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// process measures how soon a process is ready and how much memory it takes.
func (o *own) process(ctx context.Context, policy string, body []byte, reviews int) error {
	var ready, idle []figure
	for i := range starts {
		process, err := webhookprocess.Start(ctx, webhookprocess.Options{Policy: policy})
		if err != nil {
			return err
		}
		ready = append(ready, figure(process.ReadyAfter.Seconds()))
		rss, err := usage.RSS(process.PID())
		idle = append(idle, mebibytes(rss))
		if err == nil && i == starts-1 && reviews > 0 {
			o.RSSMiB, err = rssAfter(ctx, process, body, reviews)
		}
		if err := errors.Join(err, process.Stop()); err != nil {
			return err
		}
	}
	o.ReadySeconds, o.RSSIdleMiB = median(ready), median(idle)
	return nil
}

// rssAfter asks a webhook so often, over eight connections, and returns its resident memory then.
func rssAfter(ctx context.Context, process *webhookprocess.Webhook, body []byte, reviews int) (figure, error) {
	clients := make([]*client, 8)
	for i := range clients {
		var err error
		if clients[i], err = newClient("https://"+process.Address, "", process.CA); err != nil {
			return 0, err
		}
	}
	if _, err := send(ctx, call{"/mutate", body, http.StatusOK}, clients, reviews); err != nil {
		return 0, err
	}
	rss, err := usage.RSS(process.PID())
	return mebibytes(rss), err
}

func mebibytes(size int64) figure { return figure(size) / (1 << 20) }

// files measures what is on the disk.
func (o *own) files() error {
	program, err := webhookprocess.Binary()
	if err != nil {
		return err
	}
	info, err := os.Stat(program)
	if err != nil {
		return err
	}
	o.BinaryMiB = mebibytes(info.Size())
	image, err := repo.Path("bin", "image", "oci")
	if err != nil {
		return err
	}
	o.ImageMiB, err = imageSize(image)
	return err
}
