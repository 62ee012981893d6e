//go:build !unix

package pki

import "net"

// socketPair returns two connected ends. If one side sends an alert while the other still writes, both wait for the
// handshake's timeout. Only "certs status" runs on such systems, neither webhook nor issuer.
func socketPair() (near, far net.Conn, err error) {
	near, far = net.Pipe()
	return near, far, nil
}
