package limits

import (
	"container/list"
	"context"
	"sync"
)

// Turns are places at which so many work at once. Who finds none free waits: first come first served within a
// peer, and one of each peer after another between them. However many of one peer wait, another's request waits
// for one place only.
type Turns struct {
	mu   sync.Mutex
	free int
	// lines are the lines of the peers that wait, and next is the order in which they are served.
	lines map[string]*line
	next  list.List // of *line
}

// line is a peer's requests that wait, in the order of their coming.
type line struct {
	peer    string
	waiting list.List // of chan struct{}, which is closed when the place is the waiter's
	place   *list.Element
}

// NewTurns returns as many places.
func NewTurns(places int) *Turns { return &Turns{free: places, lines: map[string]*line{}} }

// Take waits for a place until ctx ends, whose error it then returns. Whoever has taken a place gives it back.
func (t *Turns) Take(ctx context.Context, peer string) error {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	l, ok := t.lines[peer]
	if !ok {
		l = &line{peer: peer}
		l.place = t.next.PushBack(l)
		t.lines[peer] = l
	}
	mine := make(chan struct{})
	waiter := l.waiting.PushBack(mine)
	t.mu.Unlock()

	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-mine: // in the same moment
		return nil
	default:
	}
	l.waiting.Remove(waiter)
	t.forget(l)
	return ctx.Err()
}

// Give gives a place back, to whose turn it is.
func (t *Turns) Give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := t.next.Front()
	if first == nil {
		t.free++
		return
	}
	l := first.Value.(*line)
	close(l.waiting.Remove(l.waiting.Front()).(chan struct{}))
	t.next.MoveToBack(first)
	t.forget(l)
}

// forget removes a line in which nobody waits.
func (t *Turns) forget(l *line) {
	if l.waiting.Len() == 0 {
		t.next.Remove(l.place)
		delete(t.lines, l.peer)
	}
}
