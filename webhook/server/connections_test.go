package server

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"testing"
)

// remote is the server's end of a connection from an address.
type remote struct {
	net.Conn
	address string
	closed  bool
}

func (r *remote) RemoteAddr() net.Addr {
	host, err := net.ResolveTCPAddr("tcp", r.address)
	if err != nil {
		panic(err)
	}
	return host
}

func (r *remote) Close() error {
	r.closed = true
	return nil
}

// Beyond the most there may be, a connection costs the peer that has the most of them.
func TestConnectionsAreShared(t *testing.T) {
	const a, b, c = "10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"
	for _, test := range []struct {
		name string
		// given are the peers of those that are there, of which those at the places busy answer requests.
		given []string
		busy  []int
		peer  string
		// want is the place of the one that is closed for it, -1 for none, and 4 for the new one itself.
		want int
	}{
		{"there is room", []string{a, a, a}, nil, a, -1},
		{"a peer has all", []string{a, a, a, a}, nil, a, 4},
		{"another has none", []string{a, a, a, a}, nil, b, 0},
		{"another has none, and the oldest is busy", []string{a, a, a, a}, []int{0, 1}, b, 2},
		{"another has none, and all are busy", []string{a, a, a, a}, []int{0, 1, 2, 3}, b, 0},
		{"another has less than its share", []string{a, b, a, a}, nil, b, 0},
		{"each has its share", []string{a, b, a, b}, nil, b, 4},
		{"a third has none", []string{a, b, b, b}, nil, c, 1},
		{"more peers than connections", []string{a, b, c, "10.0.0.4:1"}, nil, "10.0.0.5:1", 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := newConnections(nil, 4, nil)
			var there []*remote
			for i, peer := range test.given {
				conn := &remote{address: peer}
				there = append(there, conn)
				admitted, surplus := all.admit(conn)
				if admitted == nil || surplus != nil {
					t.Fatalf("connection %d finds no room", i)
				}
				if slices.Contains(test.busy, i) {
					changed(admitted, http.StateActive)
				}
			}
			for len(there) < 4 {
				there = append(there, &remote{})
			}
			there = append(there, &remote{address: test.peer})
			admitted, surplus := all.admit(there[4])
			if (admitted == nil) != (test.want == 4) {
				t.Errorf("admitted: %t", admitted != nil)
			}
			if surplus != nil {
				if err := surplus.Close(); err != nil {
					t.Fatal(err)
				}
			}
			for i, conn := range there {
				if conn.closed != (i == test.want) {
					t.Errorf("connection %d is closed: %t", i, conn.closed)
				}
			}
			if want := min(len(test.given)+1, 4); all.count != want {
				t.Errorf("%d are counted, want %d", all.count, want)
			}
		})
	}
}

// A connection that ends makes room, once.
func TestConnectionsEnd(t *testing.T) {
	all := newConnections(nil, 1, nil)
	for range 3 {
		admitted, surplus := all.admit(&remote{address: "10.0.0.1:1"})
		if admitted == nil || surplus != nil {
			t.Fatal("no room")
		}
		for range 2 {
			if err := admitted.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if all.count != 0 || len(all.peers) != 0 {
			t.Errorf("%d connections of %d peers are left", all.count, len(all.peers))
		}
	}
}

// Read is an endless stream.
func (r *remote) Read(p []byte) (int, error) { return len(p), nil }

// What comes before the first request is bounded, and what comes after is not.
func TestBytesBeforeTheFirstRequest(t *testing.T) {
	all := newConnections(nil, 2, nil)
	piece := make([]byte, 16<<10)
	read := func(c *connection, pieces int) (err error) {
		for range pieces {
			if _, err = c.Read(piece); err != nil {
				break
			}
		}
		return err
	}
	silent, _ := all.admit(&remote{address: "10.0.0.1:1"})
	if err := read(silent, 4); err != nil {
		t.Errorf("of 64 KiB: %v", err)
	}
	if err := read(silent, 1); !errors.Is(err, errTooMuchBefore) {
		t.Errorf("of more: %v", err)
	}
	heard, _ := all.admit(&remote{address: "10.0.0.1:1"})
	changed(heard, http.StateActive)
	changed(heard, http.StateIdle)
	if err := read(heard, 100); err != nil {
		t.Errorf("after a request: %v", err)
	}
}
