package rotation

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/webhookprocess"
)

// service is the webhook's Service, and what kube-proxy makes of it: its ClusterIP, which is on loopback,
// leads each connection to the next endpoint. Connections outlive the endpoint's removal, as they do in
// a cluster.
type service struct {
	listener net.Listener

	mu        sync.Mutex
	endpoints []string
	next      int
}

// newService creates the Service at an address, on whatever port is free there.
func newService(ctx context.Context, clusterIP string) (*service, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(clusterIP, "0"))
	if err != nil {
		return nil, err
	}
	s := &service{listener: listener}
	_, err = admin.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: webhookprocess.ServiceName},
		Spec:       corev1.ServiceSpec{ClusterIP: clusterIP, Ports: []corev1.ServicePort{{Port: *s.port()}}},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	go s.accept()
	return s, nil
}

func (s *service) port() *int32 {
	return ptr.To(int32(s.listener.Addr().(*net.TCPAddr).Port)) //nolint:gosec // a port fits
}

func (s *service) add(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoints = append(s.endpoints, address)
}

func (s *service) remove(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoints = slices.DeleteFunc(s.endpoints, func(endpoint string) bool { return endpoint == address })
}

func (s *service) has(address string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.endpoints, address)
}

// turn is the endpoint whose turn it is; empty if there is none.
func (s *service) turn() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.endpoints) == 0 {
		return ""
	}
	s.next++
	return s.endpoints[s.next%len(s.endpoints)]
}

func (s *service) accept() {
	for {
		client, err := s.listener.Accept()
		if err != nil { // it is closed
			return
		}
		go connect(client.(*net.TCPConn), s.turn())
	}
}

// connect joins a client to an endpoint until both have said all.
func connect(client *net.TCPConn, address string) {
	defer func() { _ = client.Close() }()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return // so the client sees its connection closed
	}
	endpoint := conn.(*net.TCPConn)
	defer func() { _ = endpoint.Close() }()
	var both sync.WaitGroup
	for _, way := range [][2]*net.TCPConn{{client, endpoint}, {endpoint, client}} {
		both.Go(func() {
			_, _ = io.Copy(way[1], way[0]) // whatever ends it, the other side learns of it
			_ = way[1].CloseWrite()
		})
	}
	both.Wait()
}

// Close lets nobody in any more. Connections end with the endpoints.
func (s *service) Close() error { return s.listener.Close() }
