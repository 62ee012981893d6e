package pki

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Decode reads the certificates in PEM, as API servers read a caBundle: it skips everything else. Without any
// certificate it returns an error.
func Decode(data []byte) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != certificateBlock || len(block.Headers) > 0 {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, errors.New("holds no certificate in PEM")
	}
	return certificates, nil
}

// decodeAuthority reads a CA and its private key. It returns an error if the two cannot sign for a host.
func decodeAuthority(certificatePEM, keyPEM []byte, host string) (*Authority, error) {
	certificates, err := Decode(certificatePEM)
	if err != nil {
		return nil, fmt.Errorf("its certificate %w", err)
	}
	key, err := decodeKey(keyPEM)
	if err != nil {
		return nil, err
	}
	for _, certificate := range certificates {
		if !key.PublicKey.Equal(certificate.PublicKey) {
			continue
		}
		if !certificate.IsCA {
			return nil, errors.New("its certificate is not a CA's")
		}
		authority := &Authority{certificate, key}
		if err := authority.try(host); err != nil {
			return nil, err
		}
		return authority, nil
	}
	return nil, errors.New("its private key is of another certificate")
}

// try signs a certificate, and returns an error if an API server would refuse it: an authority may be constrained
// to other hosts.
func (a *Authority) try(host string) error {
	middle := a.Certificate.NotBefore.Add(a.Certificate.NotAfter.Sub(a.Certificate.NotBefore) / 2)
	signed, _, err := a.Issue(middle, a.Certificate.NotAfter, host)
	if err != nil {
		return err
	}
	chain, err := Decode(signed)
	if err != nil {
		return err
	}
	if err := Verify(chain, []*x509.Certificate{a.Certificate}, host, middle); err != nil {
		return fmt.Errorf("it cannot sign for %s: %w", host, err)
	}
	return nil
}

func decodeKey(data []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != keyBlock {
		return nil, errors.New("its private key is no PKCS #8 key in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("its private key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("its private key is a %T, want ECDSA", parsed)
	}
	return key, nil
}
