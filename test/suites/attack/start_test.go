package attack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/webhookprocess"
)

// The reviews that are sent while Userscope starts: one of a Pod that must be refused, and one of
// a Pod that may pass with a patch only.
const (
	nobodysReview = `{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
		"uid": "nobody", "operation": "CREATE", "namespace": "deer-flow",
		"kind": {"version": "v1", "kind": "Pod"}, "resource": {"version": "v1", "resource": "pods"},
		"userInfo": {"username": "somebody"},
		"object": {"metadata": {}, "spec": {
			"containers": [{"name": "main", "volumeMounts": [{"name": "home", "mountPath": "/home"}]}],
			"volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "deer-flow-home"}}]}}}}`
	bobsReview = `{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
		"uid": "bob", "operation": "CREATE", "namespace": "deer-flow",
		"kind": {"version": "v1", "kind": "Pod"}, "resource": {"version": "v1", "resource": "pods"},
		"userInfo": {"username": "system:serviceaccount:deer-flow:deer-flow-provisioner"},
		"object": {"metadata": {"labels": {"app": "deer-flow-sandbox", "user-id": "bob", "thread-id": "thread-1"}}, "spec": {
			"containers": [{"name": "sandbox", "volumeMounts": [{"name": "user-data", "mountPath": "/mnt/user-data"}]}],
			"volumes": [{"name": "user-data", "persistentVolumeClaim": {"claimName": "deer-flow-home"}}]}}}}`
)

// From the first connection on, the loaded policy answers and nothing else does.
func TestStart(t *testing.T) {
	for i := range 5 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			hammer := newHammer(t)
			webhook, err := webhookprocess.Start(t.Context(), webhookprocess.Options{Args: []string{"--listen", hammer.address}})
			if err != nil {
				t.Fatal(err)
			}
			const enough = 50
			if err := await(t.Context(), func(context.Context) (bool, error) { return hammer.answers.Load() >= enough, nil }); err != nil {
				t.Errorf("%d answers only: %v", hammer.answers.Load(), err)
			}
			if err := webhook.Stop(); err != nil {
				t.Error(err)
			}
			hammer.stop()
		})
	}
}

// A policy that cannot hold opens no port.
func TestNoStart(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte("apiVersion: userscope.dev/v1alpha1\nkind: Policy\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hammer := newHammer(t)
	if _, err := webhookprocess.Start(t.Context(), webhookprocess.Options{Policy: policy, Args: []string{"--listen", hammer.address}}); err == nil {
		t.Error("it starts without a policy")
	}
	hammer.stop()
	if n := hammer.connections.Load(); n > 0 {
		t.Errorf("%d connections were accepted", n)
	}
}

// hammer sends reviews to an address without a pause, whether or not anything listens there.
type hammer struct {
	address              string
	connections, answers atomic.Int64
	stop                 func()
}

func newHammer(t *testing.T) *hammer {
	t.Helper()
	port, err := cleanup.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	h := &hammer{address: fmt.Sprintf("127.0.0.1:%d", port)}
	h.stop = func() { cancel(); clients.Wait() }
	for range 2 {
		clients.Go(func() {
			// The error is the end of the context.
			_ = wait.PollUntilContextCancel(ctx, time.Millisecond, true, func(ctx context.Context) (bool, error) {
				h.strike(ctx, t)
				return false, nil
			})
		})
	}
	t.Cleanup(h.stop)
	return h
}

// strike sends the two reviews over one connection.
func (h *hammer) strike(ctx context.Context, t *testing.T) {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", h.address)
	if err != nil {
		return
	}
	h.connections.Add(1)
	// Whoever answers is to be judged by the answer.
	connection = tls.Client(connection, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // see above
	defer func() { _ = connection.Close() }()
	answers := bufio.NewReader(connection)
	for _, review := range []string{nobodysReview, bobsReview} {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+h.address+"/mutate", bytes.NewBufferString(review))
		if err != nil {
			t.Error(err)
			return
		}
		request.Header.Set("Content-Type", "application/json")
		if err := request.Write(connection); err != nil {
			return
		}
		response, err := http.ReadResponse(answers, request)
		if err != nil {
			return
		}
		h.checkAnswer(t, response)
		_ = response.Body.Close() // has nothing to say once it is read
	}
}

// checkAnswer fails the test if an answer is not the policy's.
func (h *hammer) checkAnswer(t *testing.T, response *http.Response) {
	var review admissionv1.AdmissionReview
	err := json.NewDecoder(response.Body).Decode(&review)
	if err != nil || response.StatusCode != http.StatusOK || review.Response == nil {
		t.Errorf("answered with %s, and no review: %v", response.Status, err)
		return
	}
	h.answers.Add(1)
	answer := review.Response
	switch answer.UID {
	case "nobody":
		if answer.Allowed || answer.Result.Code != http.StatusUnprocessableEntity {
			t.Errorf("nobody's sandbox is answered with %+v", answer)
		}
	case "bob":
		if !answer.Allowed || len(answer.Patch) == 0 || !bytes.Contains(answer.Patch, []byte("users/bob/threads/thread-1/user-data")) {
			t.Errorf("bob's sandbox is answered with %+v", answer)
		}
	default:
		t.Errorf("nobody asked for %+v", answer)
	}
}
