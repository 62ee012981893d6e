package issuer

import (
	"net/http"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// serverClock is the API server's clock, as its last answer's Date header shows it (RFC 9110).
type serverClock struct {
	mu    sync.Mutex
	ahead time.Duration // 0 until the first answer with a date
}

// wrap makes the clock listen to a client's answers.
func (c *serverClock) wrap(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &listener{c, next} })
	return config
}

type listener struct {
	clock *serverClock
	next  http.RoundTripper
}

// RoundTrip is for http.RoundTripper.
func (l *listener) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		l.clock.mu.Lock()
		defer l.clock.mu.Unlock()
		l.clock.ahead = date.Sub(time.Now().Round(0))
	}
	return response, nil
}

// at returns the reading of the API server's clock at the time that this process's clock shows now. Before the first
// answer with a date, both are taken to agree.
func (c *serverClock) at(now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Add(c.ahead)
}
