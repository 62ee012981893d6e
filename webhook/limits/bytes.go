package limits

import "sync"

// Bytes are those that all requests together may hold of their bodies. Where they do not suffice, it is always the
// peer with the most that goes without: its request is refused, or one that it has here already is revoked. A
// peer with a smaller share is served as if the other were not there.
type Bytes struct {
	mu    sync.Mutex
	max   int64
	held  int64
	peers map[string]*share
}

// share is what one peer holds.
type share struct {
	bytes    int64
	requests map[*Hold]struct{}
}

// NewBytes returns a budget of as many bytes.
func NewBytes(most int64) *Bytes { return &Bytes{max: most, peers: map[string]*share{}} }

// Hold is what one request holds.
type Hold struct {
	budget *Bytes
	peer   string
	revoke func()
	bytes  int64
	// kept means that it is not revoked any more, ended that it holds nothing any more.
	kept, ended bool
}

// Hold begins a request of a peer, which holds nothing yet. To revoke is to make it end soon; it is called at most
// once, while nobody else can change the budget.
func (b *Bytes) Hold(peer string, revoke func()) *Hold {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := &Hold{budget: b, peer: peer, revoke: revoke}
	s, ok := b.peers[peer]
	if !ok {
		s = &share{requests: map[*Hold]struct{}{}}
		b.peers[peer] = s
	}
	s.requests[h] = struct{}{}
	return h
}

// Grow takes more bytes, and reports whether there were any for it.
func (h *Hold) Grow(by int64) bool {
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if h.ended {
		return false
	}
	own := b.peers[h.peer]
	for b.held+by > b.max {
		victim := b.largestAbove(own.bytes + by)
		if victim == nil {
			return false
		}
		victim.revoke()
		victim.end()
	}
	b.held += by
	own.bytes += by
	h.bytes += by
	return true
}

// largestAbove is the largest request that may be revoked, of a peer that holds more than so many bytes.
func (b *Bytes) largestAbove(bytes int64) *Hold {
	var largest *Hold
	for _, s := range b.peers {
		if s.bytes <= bytes {
			continue
		}
		for h := range s.requests {
			if !h.kept && h.bytes > 0 && (largest == nil || h.bytes > largest.bytes) {
				largest = h
			}
		}
	}
	return largest
}

// Keep says that the request is being worked on and ends by itself, and reports whether it still holds its bytes.
func (h *Hold) Keep() bool {
	h.budget.mu.Lock()
	defer h.budget.mu.Unlock()
	h.kept = !h.ended
	return h.kept
}

// Release gives all back. A second time is none.
func (h *Hold) Release() {
	h.budget.mu.Lock()
	defer h.budget.mu.Unlock()
	h.end()
}

func (h *Hold) end() {
	if h.ended {
		return
	}
	h.ended = true
	b := h.budget
	s := b.peers[h.peer]
	b.held -= h.bytes
	s.bytes -= h.bytes
	delete(s.requests, h)
	if len(s.requests) == 0 {
		delete(b.peers, h.peer)
	}
}
