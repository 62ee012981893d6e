package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	"userscope.dev/userscope/certs/rotation"
)

// Authority is a CA with its private key.
type Authority struct {
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes a CA that is valid for a lifetime from now, and backdated by rotation.Backdating. Its name
// constraints (RFC 5280, section 4.2.1.10) let it sign for the host and for names below the host, but for no other
// name and no address.
func NewAuthority(now time.Time, lifetime time.Duration, host string) (*Authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template, err := newTemplate(now, now.Add(lifetime))
	if err != nil {
		return nil, err
	}
	// A serial in the name keeps two authorities from being taken for each other: RFC 5280 finds
	// an issuer by its name.
	template.Subject = pkix.Name{CommonName: fmt.Sprintf("userscope CA %x", template.SerialNumber)}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.MaxPathLenZero = true
	template.KeyUsage = x509.KeyUsageCertSign
	template.PermittedDNSDomainsCritical = true
	template.PermittedDNSDomains = []string{host}
	template.ExcludedIPRanges = []*net.IPNet{{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}}
	certificate, err := sign(template, template, key, key)
	if err != nil {
		return nil, fmt.Errorf("sign the CA: %w", err)
	}
	return &Authority{certificate, key}, nil
}

// Issue signs a serving certificate for a host, valid from now until an end. It returns the certificate and its
// private key as PEM.
func (a *Authority) Issue(now, end time.Time, host string) (certificate, key []byte, err error) {
	private, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	template, err := newTemplate(now, end)
	if err != nil {
		return nil, nil, err
	}
	// No common name: it holds 64 characters, which a Service's name may exceed, and nobody reads
	// it any more (RFC 6125).
	template.DNSNames = []string{host}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	signed, err := sign(template, a.Certificate, private, a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("sign the serving certificate: %w", err)
	}
	if key, err = encodeKey(private); err != nil {
		return nil, nil, err
	}
	return Encode(signed), key, nil
}

// CA returns an authority's certificate as package rotation sees it.
func CA(certificate *x509.Certificate) rotation.CA {
	sum := sha256.Sum256(certificate.Raw)
	return rotation.CA{ID: rotation.ID(hex.EncodeToString(sum[:])), Validity: Validity(certificate)}
}

// Validity returns the validity of a certificate by itself, without its chain.
func Validity(certificate *x509.Certificate) rotation.Validity {
	return rotation.Validity{NotBefore: certificate.NotBefore, NotAfter: certificate.NotAfter}
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a private key: %w", err)
	}
	return key, nil
}

// newTemplate returns the fields that all certificates share. The serial has 127 random bits: RFC 5280 (section
// 4.1.2.2) wants a positive number of at most 20 bytes.
func newTemplate(now, end time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	return &x509.Certificate{SerialNumber: serial.Add(serial, big.NewInt(1)), NotBefore: now.Add(-rotation.Backdating), NotAfter: end}, nil
}

func sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Encode returns certificates as PEM.
func Encode(certificates ...*x509.Certificate) []byte {
	var out []byte
	for _, certificate := range certificates {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: certificate.Raw})...)
	}
	return out
}

// The PEM types, as RFC 7468 and PKCS #8 (RFC 5958) have them.
const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "PRIVATE KEY"
)

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}), nil
}
