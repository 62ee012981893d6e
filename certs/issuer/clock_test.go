package issuer

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"userscope.dev/userscope/certs/rotation"
)

// answers is a transport that answers with a Date header.
type answers struct {
	date string
	err  error
}

func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{"Date": {a.date}}, Body: http.NoBody}, nil
}

// The API server's clock is what its last answer says.
func TestServerClock(t *testing.T) {
	var clock serverClock
	now := time.Now()
	away := errors.New("no route to host")
	for _, test := range []struct {
		name   string
		answer answers
		ahead  time.Duration
	}{
		{"an answer without a date", answers{}, 0},
		{"an answer with no date that can be read", answers{date: "tomorrow"}, 0},
		{"an hour ahead", answers{date: now.Add(time.Hour).UTC().Format(http.TimeFormat)}, time.Hour},
		{"no answer", answers{err: away}, time.Hour},
		{"an answer without a date again", answers{}, time.Hour},
		{"a year behind", answers{date: now.AddDate(0, 0, -365).UTC().Format(http.TimeFormat)}, -365 * 24 * time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequest(http.MethodGet, "https://127.0.0.1/", http.NoBody)
			response, err := (&listener{&clock, test.answer}).RoundTrip(request)
			if test.answer.err == nil {
				response.Body.Close()
			}
			if !errors.Is(err, test.answer.err) {
				t.Errorf("the client is told %v", err)
			}
			// A Date header has whole seconds, and looking takes its time.
			if off := clock.at(now).Sub(now.Add(test.ahead)); off.Abs() > 30*time.Second {
				t.Errorf("it is %s off", off)
			}
		})
	}
}

// Nothing is issued or replaced by clocks that do not agree: an API server whose clock is a year ahead
// would refuse what the issuer takes for valid.
func TestNothingIsWrittenWhileClocksDisagree(t *testing.T) {
	api := &apiServer{}
	issuer := api.issuer(t, rotation.Defaults())

	for _, off := range []time.Duration{365 * 24 * time.Hour, -31 * time.Minute} {
		api.ahead.Store(int64(off))
		again, waiting, err := issuer.pass(t.Context())
		if again || waiting != "" || err == nil || !strings.HasPrefix(err.Error(), "the issuer's clock is ") {
			t.Errorf("with the API server's clock %s off: again %t, waiting %q, %v", off, again, waiting, err)
		}
		if got := issuer.Ready(t.Context()); got == nil || got.Error() != err.Error() {
			t.Errorf("ready: %v, want %v", got, err)
		}
	}
	if n := api.writes.Load(); n > 0 {
		t.Fatalf("there were %d writes", n)
	}
	api.ahead.Store(0)
	if again, _, err := issuer.pass(t.Context()); !again || err != nil || api.writes.Load() != 1 {
		t.Errorf("once the clocks agree: again %t, %v, %d writes; want the Secret filled", again, err, api.writes.Load())
	}
	if err := issuer.Ready(t.Context()); err != nil {
		t.Errorf("then the issuer is not ready: %v", err)
	}
}
