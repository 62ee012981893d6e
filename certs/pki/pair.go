package pki

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"
)

// ReadPair reads a serving certificate and its private key in PEM, and returns with them the chain that an
// API server is shown, the serving certificate first. It is an error if the two do not belong together, or
// if no API server could end a TLS handshake with them, whatever it trusts: for a key of a kind that Go
// does not take, or for what is no certificate among the chain. Both the issuer and the serving Pods judge
// by it, lest the one keep what the others cannot use.
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

// handshakeTimeout is far beyond what a handshake within the process takes.
const handshakeTimeout = 10 * time.Second

// handshake serves a certificate to a client of this process, as it is served to API servers, and returns
// the chain that the client sees.
func handshake(certificate *tls.Certificate) ([]*x509.Certificate, error) {
	near, far, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer near.Close()
	// Tickets would be sent after the handshake, to a client that listens no more.
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
