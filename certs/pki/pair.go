// A pair of certificate and key can load and still fail every TLS handshake. So ReadPair runs a handshake inside
// the process: a broken pair must be found before it is served, not by the first API server that calls.

package pki

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"
)

// ReadPair reads a serving certificate and its private key in PEM. It also returns the chain that API servers
// receive, the serving certificate first. It returns an error if the two do not belong together, or if no TLS
// handshake succeeds with them, whatever the client trusts: Go does not support the key, or the chain holds
// something that is no certificate. The issuer and the serving Pods both use ReadPair, so that the issuer never
// keeps a pair that the Pods refuse.
func ReadPair(certificate, key []byte) (*tls.Certificate, []*x509.Certificate, error) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, nil, err
	}
	chain, err := handshake(&pair)
	if err != nil {
		return nil, nil, err
	}
	return &pair, chain, nil
}

// handshakeTimeout bounds a handshake within the process, which takes milliseconds.
const handshakeTimeout = 10 * time.Second

// handshake serves a certificate to a client of this process, as the webhook serves API servers. It returns the
// chain that the client receives.
func handshake(certificate *tls.Certificate) ([]*x509.Certificate, error) {
	near, far, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer near.Close()
	// Without tickets: the server would send them after the handshake, to a client that reads no more.
	server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{*certificate}, SessionTicketsDisabled: true})
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	served := make(chan error, 1)
	go func() {
		defer far.Close()
		served <- server.HandshakeContext(ctx)
	}()
	client := tls.Client(near, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // nothing is sent, and Verify looks at the chain
	err = client.HandshakeContext(ctx)
	_ = near.Close()
	if serverErr := <-served; err != nil || serverErr != nil {
		return nil, fmt.Errorf("no TLS handshake succeeds with it: client: %v, server: %v", err, serverErr) //nolint:errorlint // one is an echo of the other
	}
	return client.ConnectionState().PeerCertificates, nil
}
