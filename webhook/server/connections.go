package server

import (
	"container/list"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"userscope.dev/userscope/webhook/limits"
)

const (
	// socketBuffer is how many bytes the kernel holds of a connection in each direction. It counts them as memory of
	// the container, and would hold megabytes.
	socketBuffer = 64 << 10
	// maxBeforeRequest is how many bytes a connection may send before the headers of its first request have come:
	// crypto/tls would take 256 KiB of client certificates of whoever asks.
	maxBeforeRequest = 64 << 10
)

// connections is a listener with so many connections at most. Where there are more, a peer that has less than its
// equal share still gets one, for one of the peer that has the most.
type connections struct {
	net.Listener
	max int
	// refused is called for each connection that is closed for it.
	refused func()

	mu    sync.Mutex
	count int
	peers map[string]*list.List // of *connection, the oldest first
}

func newConnections(listener net.Listener, most int, refused func()) *connections {
	return &connections{Listener: listener, max: most, refused: refused, peers: map[string]*list.List{}}
}

// connection is one of them.
type connection struct {
	net.Conn
	all  *connections
	peer string
	// before counts the bytes before the first request, which heard says has come.
	before int
	heard  atomic.Bool

	// Those below are guarded by all.mu.

	// busy means that a request is being answered.
	busy  bool
	place *list.Element
}

// Accept waits for the next connection for which there is a place.
func (l *connections) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if socket, ok := conn.(*net.TCPConn); ok {
			_ = socket.SetReadBuffer(socketBuffer) // a connection that is gone says so when it is read
			_ = socket.SetWriteBuffer(socketBuffer)
		}
		admitted, surplus := l.admit(conn)
		if surplus != nil {
			l.refused()
			_ = surplus.Close()
		}
		if admitted != nil {
			return admitted, nil
		}
	}
}

// admit finds a place for a connection. What it returns as surplus must be closed: another connection or, where
// none is admitted, this one.
func (l *connections) admit(conn net.Conn) (admitted *connection, surplus net.Conn) {
	peer := limits.PeerOfAddress(conn.RemoteAddr().String())
	l.mu.Lock()
	defer l.mu.Unlock()
	own, known := l.peers[peer]
	if l.count >= l.max {
		peers, has := len(l.peers)+1, 0
		if known {
			peers, has = len(l.peers), own.Len()
		}
		if has >= l.max/peers {
			return nil, conn
		}
		victim := l.victim()
		l.remove(victim)
		surplus = victim
	}
	if !known {
		own = list.New()
		l.peers[peer] = own
	}
	admitted = &connection{Conn: conn, all: l, peer: peer}
	admitted.place = own.PushBack(admitted)
	l.count++
	return admitted, surplus
}

// victim is the oldest connection of the peer that has the most, one that answers nothing if there is one.
func (l *connections) victim() *connection {
	var most *list.List
	for _, peer := range l.peers {
		if most == nil || peer.Len() > most.Len() {
			most = peer
		}
	}
	for at := most.Front(); at != nil; at = at.Next() {
		if c := at.Value.(*connection); !c.busy {
			return c
		}
	}
	return most.Front().Value.(*connection)
}

// remove forgets a connection. A second time is none.
func (l *connections) remove(c *connection) {
	if c.place == nil {
		return
	}
	own := l.peers[c.peer]
	own.Remove(c.place)
	c.place = nil
	l.count--
	if own.Len() == 0 {
		delete(l.peers, c.peer)
	}
}

// changed is for http.Server.ConnState.
func changed(conn net.Conn, state http.ConnState) {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	c := conn.(*connection)
	if state == http.StateActive {
		c.heard.Store(true)
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.busy = state == http.StateActive
}

var errTooMuchBefore = errors.New("too many bytes before the first request")

// Read fails where too much comes before the first request.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.heard.Load() {
		if c.before += n; c.before > maxBeforeRequest {
			return 0, errTooMuchBefore
		}
	}
	return n, err
}

// Close makes room for another.
func (c *connection) Close() error {
	c.all.mu.Lock()
	c.all.remove(c)
	c.all.mu.Unlock()
	return c.Conn.Close()
}
