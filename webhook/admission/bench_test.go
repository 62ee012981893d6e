package admission_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"userscope.dev/userscope/webhook/policy/load"
)

// mounting is alice's sandbox with so many mounts of the claim, each through a volume of its own.
func mounting(n int) object {
	var volumes, mounts []any
	for i := range n {
		name := fmt.Sprint("user-data-", i)
		volumes = append(volumes, object{"name": name, "persistentVolumeClaim": object{"claimName": "deer-flow-home"}})
		mounts = append(mounts, object{"name": name, "mountPath": "/mnt/" + name, "subPath": alicesPath, "readOnly": i%2 == 0})
	}
	pod := with(alices(), volumes, "spec", "volumes")
	return with(pod, []any{object{"name": "sandbox", "image": "sandbox:latest", "volumeMounts": mounts}}, "spec", "containers")
}

// megabyte is the same with ten mounts and a megabyte that no rule speaks of.
func megabyte() object {
	pod := mounting(10)
	container := pod["spec"].(object)["containers"].([]any)[0].(object)
	container["args"] = slices.Repeat([]string{strings.Repeat("x", 10_000)}, 100)
	return pod
}

// BenchmarkHandler measures the webhook from the bytes of a review to those of its answer, with DeerFlow's policy
// and at the level that is logged by default.
func BenchmarkHandler(b *testing.B) {
	policies, err := load.Open("../../manifests/policies/deerflow.yaml")
	if err != nil {
		b.Fatal(err)
	}
	logLevel.Set(slog.LevelInfo)
	defer logLevel.Set(slog.LevelDebug)
	webhook := newWebhook(b, policies.Policies, prometheus.NewRegistry())
	for _, size := range []struct {
		name string
		pod  object
	}{
		{"mounts=1", mounting(1)},
		{"mounts=10", mounting(10)},
		{"mounts=100", mounting(100)},
		{"bytes=1M", megabyte()},
	} {
		b.Run(size.name, func(b *testing.B) {
			body := []byte(text(b, review(size.pod)))
			if answer := post(b, webhook, "application/json", string(body)); !answer.Response.Allowed {
				b.Fatal(answer.Response.Result.Message)
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				webhook.ServeHTTP(discard{http.Header{}}, &http.Request{
					Header:        http.Header{"Content-Type": {"application/json"}},
					Body:          io.NopCloser(bytes.NewReader(body)),
					ContentLength: int64(len(body)),
				})
			}
		})
	}
}

// discard is a client that reads nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}
