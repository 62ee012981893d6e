// Package pki issues the certificates that a test needs: a CA of its own for every serving
// certificate.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The files of a serving directory, by the names of a Kubernetes TLS Secret.
const (
	CertFile = "tls.crt"
	KeyFile  = "tls.key"
	CAFile   = "ca.crt"
)

// WriteServing makes a new CA and a serving certificate for the given DNS names and IP
// addresses, and writes the certificate, its key and the CA to dir. It returns the CA as PEM.
func WriteServing(dir string, hosts ...string) (ca []byte, err error) {
	authority, err := newAuthority()
	if err != nil {
		return nil, err
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	leaf := template(2, "userscope test server")
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, authority.template, key.Public(), authority.key)
	if err != nil {
		return nil, fmt.Errorf("create a serving certificate for %q: %w", hosts, err)
	}

	ca = authority.pem
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER})
	if err := os.WriteFile(filepath.Join(dir, CAFile), ca, 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, CertFile), cert, 0o600); err != nil {
		return nil, err
	}
	return ca, writeKey(filepath.Join(dir, KeyFile), key)
}

// WriteClients makes a new CA and a client certificate for each name, and writes them to dir: the CA, and
// NAME.crt and NAME.key.
func WriteClients(dir string, names ...string) error {
	authority, err := newAuthority()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, CAFile), authority.pem, 0o600); err != nil {
		return err
	}
	for i, name := range names {
		key, err := newKey()
		if err != nil {
			return err
		}
		leaf := template(int64(i)+2, name)
		leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		der, err := x509.CreateCertificate(rand.Reader, leaf, authority.template, key.Public(), authority.key)
		if err != nil {
			return fmt.Errorf("create a client certificate for %q: %w", name, err)
		}
		cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		if err := os.WriteFile(filepath.Join(dir, name+".crt"), cert, 0o600); err != nil {
			return err
		}
		if err := writeKey(filepath.Join(dir, name+".key"), key); err != nil {
			return err
		}
	}
	return nil
}

// authority is a CA.
type authority struct {
	template *x509.Certificate
	key      *ecdsa.PrivateKey
	pem      []byte
}

func newAuthority() (*authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	ca := template(1, "userscope test CA")
	ca.IsCA = true
	ca.BasicConstraintsValid = true
	ca.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("create the test CA: %w", err)
	}
	return &authority{ca, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
}

// WriteKey writes a new private key to a file, as PEM.
func WriteKey(file string) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	return writeKey(file, key)
}

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

// template is a certificate of a day, backdated because clocks differ.
func template(serial int64, name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
	}
}
