package config

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	"userscope.dev/userscope/webhook/scope"
)

// Source holds the policies of a file and follows the file and its keys as they change. It is
// safe for concurrent use.
type Source struct {
	path    string
	inForce atomic.Pointer[scope.Policies]
}

// Open loads the policy file at path, with Load's errors.
func Open(path string) (*Source, error) {
	policies, err := Load(path)
	if err != nil {
		return nil, err
	}
	s := &Source{path: path}
	s.inForce.Store(&policies)
	return s, nil
}

// Policies returns the policies in force. They are never changed, only exchanged as a whole.
func (s *Source) Policies() scope.Policies { return *s.inForce.Load() }

// Reload loads the file again, and reports whether that changed the policies in force. After an
// error they stay as they are.
func (s *Source) Reload() (changed bool, err error) {
	policies, err := Load(s.path)
	if err != nil || reflect.DeepEqual(policies, s.Policies()) {
		return false, err
	}
	s.inForce.Store(&policies)
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
