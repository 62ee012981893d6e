package limits_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"testing"

	"userscope.dev/userscope/webhook/limits"
)

func TestPeer(t *testing.T) {
	certificate := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Subject: pkix.Name{CommonName: "kube-apiserver"}}}}
	for _, test := range []struct {
		name    string
		address string
		tls     *tls.ConnectionState
		want    string
	}{
		{"an address, whatever its port", "10.0.0.7:41234", nil, "10.0.0.7"},
		{"with TLS and no certificate", "10.0.0.7:1", &tls.ConnectionState{}, "10.0.0.7"},
		{"a certificate, whatever its address", "10.0.0.7:1", certificate, "certificate kube-apiserver"},
		{"a certificate of a DNS name", "10.0.0.7:1", &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{DNSNames: []string{"api.example"}}}}, "certificate api.example"},
		{"an IPv6 network", "[2001:db8:1:2:3:4:5:6]:1", nil, "2001:db8:1:2::/64"},
		{"an IPv4 address in IPv6", "[::ffff:10.0.0.7]:1", nil, "10.0.0.7"},
		{"an address with a zone", "[fe80::1%eth0]:1", nil, "fe80::/64"},
		{"no address", "@", nil, "@"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := limits.Peer(&http.Request{RemoteAddr: test.address, TLS: test.tls}); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
