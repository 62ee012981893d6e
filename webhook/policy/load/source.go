package load

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	"userscope.dev/userscope/webhook/policy"
)

// Source holds the policies of a file and follows the file and its keys as they change. It is
// safe for concurrent use.
type Source struct {
	path    string
	inForce atomic.Pointer[loaded]
}

// Open loads the policy file at path, with the errors of File.
func Open(path string) (*Source, error) {
	first, err := read(path)
	if err != nil {
		return nil, err
	}
	s := &Source{path: path}
	s.inForce.Store(&first)
	return s, nil
}

// Policies returns the policies in force. They are never changed, only exchanged as a whole.
func (s *Source) Policies() policy.Policies { return s.inForce.Load().policies }

// Hash returns the SHA-256, in hex, of the policy file that is in force. It tells nothing of the keys.
func (s *Source) Hash() string { return s.inForce.Load().hash }

// Reload loads the file again, and reports whether that changed what is in force. After an error
// that stays as it is.
func (s *Source) Reload() (changed bool, err error) {
	next, err := read(s.path)
	if err != nil || reflect.DeepEqual(next, *s.inForce.Load()) {
		return false, err
	}
	s.inForce.Store(&next)
	return true, nil
}

// Watch reloads at every interval until ctx ends. It reports each change and each end of an error,
// with nil, and each error, once while it lasts. It looks at the files' contents, since a mounted ConfigMap or
// Secret changes by the exchange of a symlink.
func (s *Source) Watch(ctx context.Context, interval time.Duration, report func(error)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	last := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := s.Reload()
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		if changed || problem != last {
			report(err)
		}
		last = problem
	}
}
