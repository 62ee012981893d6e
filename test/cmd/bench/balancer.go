package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// balancer shares connections between addresses in turn, as a Service does between Pods.
type balancer struct {
	listener net.Listener
	backends []string
	next     atomic.Uint64
	done     chan struct{}
}

// balance starts a balancer on a free port.
func balance(backends ...string) (*balancer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &balancer{listener: listener, backends: backends, done: make(chan struct{})}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				close(b.done)
				return
			}
			go b.relay(connection)
		}
	}()
	return b, nil
}

func (b *balancer) address() string { return b.listener.Addr().String() }

// relay copies between a connection and the next backend until one of them ends.
func (b *balancer) relay(client net.Conn) {
	defer client.Close()
	backend, err := net.Dial("tcp", b.backends[b.next.Add(1)%uint64(len(b.backends))])
	if err != nil {
		return // the client sees its connection end
	}
	defer backend.Close()
	var end sync.Once
	ended := make(chan struct{})
	copyUntilEnd := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		end.Do(func() { close(ended) })
	}
	go copyUntilEnd(backend, client)
	go copyUntilEnd(client, backend)
	<-ended
}

// stop closes the listener. Connections end with their ends.
func (b *balancer) stop() error {
	err := b.listener.Close()
	<-b.done
	return err
}
