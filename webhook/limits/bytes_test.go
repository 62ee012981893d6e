package limits_test

import (
	"fmt"
	"slices"
	"testing"

	"userscope.dev/userscope/webhook/limits"
)

// Who goes without is always one of the peer with the most.
func TestBytes(t *testing.T) {
	type step struct {
		request string // its first letter is the peer
		by      int64
		want    bool
		revoked []string
	}
	for _, test := range []struct {
		name  string
		keep  []string
		steps []step
	}{
		{"all is there for one", nil, []step{{"a1", 100, true, nil}}},
		{"one has no more than all", nil, []step{{"a1", 101, false, nil}}},
		{"one peer's second request is refused, not its first", nil, []step{{"a1", 60, true, nil}, {"a2", 50, false, nil}, {"a2", 40, true, nil}}},
		{"a smaller peer takes from the largest", nil, []step{{"a1", 60, true, nil}, {"a2", 40, true, nil}, {"b1", 10, true, []string{"a1"}}}},
		{"as often as needed", nil, []step{{"a1", 35, true, nil}, {"a2", 35, true, nil}, {"a3", 30, true, nil}, {"b1", 40, true, []string{"a1", "a2"}}}},
		{"no further than a peer's own share", nil, []step{{"a1", 50, true, nil}, {"b1", 50, true, nil}, {"a2", 1, false, nil}, {"b2", 1, false, nil}}},
		{"not up to as much as another has", nil, []step{{"a1", 60, true, nil}, {"b1", 40, true, nil}, {"b1", 20, false, nil}, {"b1", 19, true, []string{"a1"}}}},
		{"a third peer takes from both", nil, []step{{"a1", 51, true, nil}, {"b1", 49, true, nil}, {"c1", 10, true, []string{"a1"}}, {"c1", 38, true, nil},
			{"d1", 10, true, []string{"b1"}}}},
		{"what is worked on is not taken away", []string{"a1"}, []step{{"a1", 60, true, nil}, {"a2", 40, true, nil}, {"b1", 30, true, []string{"a2"}}, {"b1", 20, false, nil}}},
		{"who was revoked gets no more", nil, []step{{"a1", 100, true, nil}, {"b1", 10, true, []string{"a1"}}, {"a1", 1, false, nil}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			budget := limits.NewBytes(100)
			var revoked []string
			requests := map[string]*limits.Hold{}
			for _, s := range test.steps {
				request, known := requests[s.request]
				if !known {
					request = budget.Hold(s.request[:1], func() { revoked = append(revoked, s.request) })
					requests[s.request] = request
				}
				revoked = nil
				if got := request.Grow(s.by); got != s.want {
					t.Errorf("%s grows by %d: %t, want %t", s.request, s.by, got, s.want)
				}
				slices.Sort(revoked)
				if !slices.Equal(revoked, s.revoked) {
					t.Errorf("%s grows by %d: revoked %v, want %v", s.request, s.by, revoked, s.revoked)
				}
				if slices.Contains(test.keep, s.request) && !request.Keep() {
					t.Errorf("%s is not kept", s.request)
				}
			}
			for name, request := range requests {
				request.Release()
				request.Release()
				if request.Keep() {
					t.Errorf("%s is kept after its end", name)
				}
			}
			if all := budget.Hold("z", nil); !all.Grow(100) {
				t.Error("not all came back")
			}
		})
	}
}

// The budget holds while everybody takes from everybody.
func TestBytesTogether(t *testing.T) {
	budget := limits.NewBytes(1000)
	done := make(chan struct{})
	for peer := range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 500 {
				request := budget.Hold(fmt.Sprint(peer), func() {})
				for range 5 {
					if !request.Grow(100) {
						break
					}
				}
				request.Keep()
				request.Release()
			}
		}()
	}
	for range 8 {
		<-done
	}
	if all := budget.Hold("z", nil); !all.Grow(1000) {
		t.Error("not all came back")
	}
}
