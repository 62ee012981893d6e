package admission_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"

	"userscope.dev/userscope/webhook/admission"
	"userscope.dev/userscope/webhook/limits"
	"userscope.dev/userscope/webhook/policy"
)

// limited is a webhook within limits, and what it counts.
type limited struct {
	http.Handler
	registry *prometheus.Registry
}

// newLimited returns a webhook that asks for its policies where they are not nil.
func newLimited(t testing.TB, given admission.Limits, policies func() policy.Policies) limited {
	t.Helper()
	if given.Values == 0 {
		given.Values = 20000 // policies that make a test wait are asked once
	}
	if policies == nil {
		all := deerflow(t)
		policies = func() policy.Policies { return all }
	}
	if err := given.Validate(); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	handler, err := admission.New(policies, registry)
	if err != nil {
		t.Fatal(err)
	}
	return limited{admission.NewWebhook(handler, given), registry}
}

// send sends a body from an address and returns the response.
func (l limited) send(t testing.TB, address string, body io.Reader) *admissionv1.AdmissionResponse {
	request := httptest.NewRequest(http.MethodPost, "/mutate", body)
	request.Header.Set("Content-Type", "application/json")
	request.RemoteAddr = address + ":40000"
	recorder := httptest.NewRecorder()
	l.ServeHTTP(recorder, request)
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &review); err != nil || recorder.Code != http.StatusOK || review.Response == nil {
		t.Errorf("status %d, %v: %s", recorder.Code, err, recorder.Body)
		return &admissionv1.AdmissionResponse{}
	}
	return review.Response
}

// wantLimited holds a response to be a refusal by a limit, and returns its message.
func wantLimited(t *testing.T, got *admissionv1.AdmissionResponse, code int32, message string) {
	t.Helper()
	if got.Allowed || got.Result == nil || got.Result.Code != code || got.Result.Message != "userscope: "+message {
		t.Errorf("allowed %t with %v, want %d %q", got.Allowed, got.Result, code, message)
		return
	}
	if string(got.UID) != uid {
		t.Errorf("uid %q: API servers take the answer for none of theirs", got.UID)
	}
	if retry := got.Result.Details != nil && got.Result.Details.RetryAfterSeconds == 1; retry != (code == http.StatusTooManyRequests) {
		t.Errorf("of a %d clients are told to try again: %t", code, retry)
	}
}

// counted is how often a limit was met.
func (l limited) counted(t *testing.T, limit string) float64 {
	t.Helper()
	families, err := l.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.Metric {
			if family.GetName() == "userscope_limited_requests_total" && metric.Label[0].GetValue() == limit {
				return metric.Counter.GetValue()
			}
		}
	}
	t.Fatalf("no limit %q is counted", limit)
	return 0
}

// head is how API servers begin a review.
const head = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"` + uid + `",`

// long is the creation of alice's sandbox as API servers write it, with one more member of the request.
func long(t testing.TB, member string) string {
	t.Helper()
	request := review(alices())["request"].(object)
	delete(request, "uid")
	return head + member + "," + strings.TrimPrefix(text(t, request), "{") + "}"
}

// valued is a review of so many JSON values.
func valued(t testing.TB, values int) string {
	t.Helper()
	var own limits.Values
	_, _ = own.Write([]byte(long(t, `"z":[]`)))
	return long(t, `"z":[`+strings.TrimSuffix(strings.Repeat("0,", values-own.Count()), ",")+`]`)
}

// A body may have as many values as the limit says, and none more, however they are sent.
func TestTooManyValues(t *testing.T) {
	given := admission.DefaultLimits()
	given.Values = 1000
	l := newLimited(t, given, nil)
	most := valued(t, given.Values)
	if got := l.send(t, "10.0.0.1", strings.NewReader(most)); !got.Allowed {
		t.Errorf("with as many as may be: %v", got.Result)
	}
	logs.take()
	more := valued(t, given.Values+1)
	for name, body := range map[string]io.Reader{
		"at once": strings.NewReader(more), "byte by byte": iotest.OneByteReader(strings.NewReader(more)), "and without end": io.MultiReader(strings.NewReader(more), forever{}),
	} {
		t.Run(name, func(t *testing.T) {
			wantLimited(t, l.send(t, "10.0.0.1", body), http.StatusRequestEntityTooLarge, "the body has more than 1000 JSON values (--max-json-values)")
		})
	}
	if got := l.counted(t, "json-values"); got != 3 {
		t.Errorf("counted %v times", got)
	}
	lines := logs.take()
	if len(lines) != 1 || !strings.Contains(lines[0], "refused by a limit") || !strings.Contains(lines[0], `"peer":"10.0.0.1"`) {
		t.Errorf("three refusals in a moment are logged as %q, want a line", lines)
	}
}

// Without a flag the number of values follows from the policy with the largest bounds, whatever it is at the moment.
func TestValuesFollowFromBounds(t *testing.T) {
	policies := deerflow(t)
	policies[0].Bounds = policy.Bounds{Volumes: 1, Mounts: 2, Containers: 3, Environment: 4}
	second := *policies[0]
	second.Bounds = policy.Bounds{Volumes: 1, Mounts: 2, Containers: 3, Environment: 5}
	handler, err := admission.New(func() policy.Policies { return policies }, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	l := limited{admission.NewWebhook(handler, admission.DefaultLimits()), nil}
	expect := func(most int) {
		t.Helper()
		if got := l.send(t, "10.0.0.1", strings.NewReader(valued(t, most))); got.Result != nil && got.Result.Code == http.StatusRequestEntityTooLarge {
			t.Errorf("with as many as may be: %v", got.Result)
		}
		wantLimited(t, l.send(t, "10.0.0.1", strings.NewReader(valued(t, most+1))), http.StatusRequestEntityTooLarge,
			fmt.Sprintf("the body has more than %d JSON values (--max-json-values)", most))
	}
	expect(2 * (1000 + 16 + 2*12 + 3*200 + 4*14))
	policies = append(policies, &second)
	expect(2 * (1000 + 16 + 2*12 + 3*200 + 5*14))
	policies = nil
	expect(2000)
}

// forever are values without end.
type forever struct{}

func (forever) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ','
	}
	return len(p), nil
}

// half is a body of which some comes, and no more until it is closed.
type half struct {
	come chan struct{}
	rest io.Reader
	end  chan struct{}
}

func newHalf(size int) *half {
	return &half{come: make(chan struct{}), end: make(chan struct{}), rest: strings.NewReader(head + `"a":"` + strings.Repeat("x", size))}
}

func (h *half) Read(p []byte) (int, error) {
	if n, err := h.rest.Read(p); err == nil {
		return n, nil
	}
	close(h.come)
	<-h.end
	return 0, io.ErrUnexpectedEOF
}

// What one peer holds keeps it from holding more, and nobody else from being answered.
func TestHeldBytes(t *testing.T) {
	given := admission.DefaultLimits()
	given.Bytes = 22 << 20
	l := newLimited(t, given, nil)
	answers := make(chan *admissionv1.AdmissionResponse)
	var held []*half
	for range 5 { // of 4 MiB, for which as much is reserved
		body := newHalf(3 << 20)
		held = append(held, body)
		go func() { answers <- l.send(t, "10.0.0.66", body) }()
		<-body.come
	}
	own := "this peer holds the most of the 23068672 bytes for bodies (--max-held-bytes)"
	wantLimited(t, l.send(t, "10.0.0.66", strings.NewReader(head+`"a":"`+strings.Repeat("x", 3<<20))), http.StatusTooManyRequests, own)

	large := strings.NewReader(long(t, `"z":"`+strings.Repeat("x", 3<<20)+`"`))
	if got := l.send(t, "10.0.0.1", large); !got.Allowed {
		t.Errorf("another peer is refused: %v", got.Result)
	}
	for _, body := range held {
		close(body.end)
	}
	revoked := 0
	for range held {
		if got := <-answers; got.Result.Code == http.StatusTooManyRequests {
			wantLimited(t, got, http.StatusTooManyRequests, "other peers need some of the 23068672 bytes for bodies, of which this one holds the most (--max-held-bytes)")
			revoked++
		}
	}
	if revoked != 1 {
		t.Errorf("%d requests were revoked, want the one that was needed", revoked)
	}
	if got := l.counted(t, "held-bytes"); got != 2 {
		t.Errorf("counted %v times", got)
	}
}

// Where a peer's requests keep all places busy, its others wait as long as may be; another peer's is the next.
func TestWaitForATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		given := admission.DefaultLimits()
		given.Decodes, given.Wait = 1, 4*time.Second
		busy, free := make(chan struct{}), make(chan struct{})
		all := deerflow(t)
		l := newLimited(t, given, func() policy.Policies {
			busy <- struct{}{}
			<-free
			return all
		})
		body := text(t, review(alices()))
		hostile, honest := make(chan *admissionv1.AdmissionResponse, 3), make(chan *admissionv1.AdmissionResponse, 1)
		for range 3 {
			go func() { hostile <- l.send(t, "10.0.0.66", strings.NewReader(body)) }()
		}
		<-busy
		synctest.Wait()
		<-time.After(3 * time.Second) // by the bubble's clock
		go func() { honest <- l.send(t, "10.0.0.1", strings.NewReader(body)) }()
		synctest.Wait()

		free <- struct{}{}
		<-busy // a request of the first peer, whose turn it was before the other came
		free <- struct{}{}
		<-busy
		<-time.After(1001 * time.Millisecond)
		synctest.Wait()
		free <- struct{}{}
		if got := <-honest; !got.Allowed {
			t.Errorf("the other peer is refused: %v", got.Result)
		}
		allowed := 0
		for range 3 {
			got := <-hostile
			if got.Allowed {
				allowed++
				continue
			}
			wantLimited(t, got, http.StatusTooManyRequests, "waited 4s for one of 1 places to be judged (--max-wait, --max-decodes)")
		}
		if allowed != 2 {
			t.Errorf("%d of the first peer's were judged, want 2", allowed)
		}
		if got := l.counted(t, "wait"); got != 1 {
			t.Errorf("counted %v times", got)
		}
	})
}

// However many large bodies there are, a place is left for the others.
func TestLargeBodiesLeaveAPlace(t *testing.T) {
	for name, large := range map[string]string{
		"of many values": valued(t, 2001),
		"of many bytes":  long(t, `"z":"`+strings.Repeat("x", 256<<10)+`"`),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				judged, free := make(chan struct{}, 10), make(chan struct{})
				all := deerflow(t)
				l := newLimited(t, admission.DefaultLimits(), func() policy.Policies {
					judged <- struct{}{}
					<-free
					return all
				})
				answers := make(chan bool, 3)
				for range 2 {
					go func() { answers <- l.send(t, "10.0.0.66", strings.NewReader(large)).Allowed }()
				}
				synctest.Wait()
				if len(judged) != 1 {
					t.Errorf("%d large bodies are judged at once", len(judged))
				}
				go func() { answers <- l.send(t, "10.0.0.66", strings.NewReader(text(t, review(alices())))).Allowed }()
				synctest.Wait()
				if len(judged) != 2 {
					t.Errorf("%d bodies are judged at once, want a small one beside the large", len(judged))
				}
				close(free)
				for range 3 {
					if !<-answers {
						t.Error("one of them is refused")
					}
				}
			})
		})
	}
}

// A body that does not come in time is refused as such; what of it was held is free again.
func TestArrival(t *testing.T) {
	l := newLimited(t, admission.DefaultLimits(), nil)
	late := io.MultiReader(strings.NewReader(head), iotest.ErrReader(os.ErrDeadlineExceeded))
	wantLimited(t, l.send(t, "10.0.0.1", late), http.StatusRequestTimeout, "the body did not come in time (--read-timeout)")
	if got := l.counted(t, "arrival"); got != 1 {
		t.Errorf("counted %v times", got)
	}
}

func TestLimitsAreValidated(t *testing.T) {
	if err := admission.DefaultLimits().Validate(); err != nil {
		t.Error(err)
	}
	for _, test := range []struct {
		name  string
		given func(*admission.Limits)
		want  string
	}{
		{"fewer than no values", func(l *admission.Limits) { l.Values = -1 }, "--max-json-values -1: must not be negative"},
		{"no place", func(l *admission.Limits) { l.Decodes = 0 }, "--max-decodes 0: must be positive"},
		{"no time", func(l *admission.Limits) { l.Wait = 0 }, "--max-wait 0s: must be positive"},
		{"too few bytes", func(l *admission.Limits) { l.Bytes = 22020098 }, "--max-held-bytes 22020098: must be at least 22020099, for the largest body and those that are decoded (--max-decodes 2)"},
		{"too few bytes for more places", func(l *admission.Limits) { l.Decodes = 4 }, "--max-held-bytes 25165824: must be at least 36700165, for the largest body and those that are decoded (--max-decodes 4)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			given := admission.DefaultLimits()
			test.given(&given)
			if err := given.Validate(); err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// BenchmarkWebhook is the way of an ordinary request through the program, without TLS.
func BenchmarkWebhook(b *testing.B) {
	webhook := newDeerflowWebhook(b)
	body := text(b, review(alices()))
	b.ReportAllocs()
	for b.Loop() {
		request := httptest.NewRequest(http.MethodPost, "/mutate", strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		webhook.ServeHTTP(httptest.NewRecorder(), request)
	}
}
