package limits

import (
	"sync"
	"time"
)

// tellEvery is how often Seldom lets something be told.
const tellEvery = time.Second

// Seldom keeps what strangers can cause as often as they like from being told as often.
type Seldom struct {
	mu     sync.Mutex
	last   time.Time
	untold int
}

// Now reports whether it may be told now, and how many others were not since it was last.
func (s *Seldom) Now() (others int, now bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.last) < tellEvery {
		s.untold++
		return 0, false
	}
	others, s.untold, s.last = s.untold, 0, time.Now()
	return others, true
}
