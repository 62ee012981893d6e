package limits

import (
	"cmp"
	"net/http"
	"net/netip"
)

// Peer is who sent a request, as far as shares go: the name in its client certificate, which the server asks for
// only where it also verifies it, or else its address.
func Peer(r *http.Request) string {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		certificate := r.TLS.PeerCertificates[0]
		names := append([]string{certificate.Subject.CommonName}, certificate.DNSNames...)
		return "certificate " + cmp.Or(names...)
	}
	return PeerOfAddress(r.RemoteAddr)
}

// PeerOfAddress is the peer of the HOST:PORT at the other end of a connection. Whoever has an IPv6 address has the
// 2⁶⁴ of its network as well (RFC 4291, section 2.5.1), so that these are one peer.
func PeerOfAddress(address string) string {
	remote, err := netip.ParseAddrPort(address)
	if err != nil {
		return address
	}
	host := remote.Addr().Unmap().WithZone("")
	if host.Is4() {
		return host.String()
	}
	network, err := host.Prefix(64)
	if err != nil {
		return host.String()
	}
	return network.String()
}
