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
	leaf := template(2, "userscope test server")
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	leaf.DNSNames, leaf.IPAddresses = split(hosts)
	if err := os.WriteFile(filepath.Join(dir, CAFile), authority.pem, 0o600); err != nil {
		return nil, err
	}
	return authority.pem, authority.write(leaf, filepath.Join(dir, CertFile), filepath.Join(dir, KeyFile))
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
		leaf := template(int64(i)+2, name)
		leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		if err := authority.write(leaf, filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")); err != nil {
			return err
		}
	}
	return nil
}

// Identity is who a certificate is of. It serves as both a client's and a server's.
type Identity struct {
	// File is the base of the files' names.
	File string
	// Name and Groups are what an API server takes for user and groups.
	Name   string
	Groups []string
	// Hosts are the DNS names and IP addresses that it may serve as.
	Hosts []string
}

// WriteIdentities makes a new CA and a certificate for each identity, and writes them to dir: the CA, and
// FILE.crt and FILE.key.
func WriteIdentities(dir string, identities ...Identity) error {
	authority, err := newAuthority()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, CAFile), authority.pem, 0o600); err != nil {
		return err
	}
	for i, identity := range identities {
		leaf := template(int64(i)+2, identity.Name)
		leaf.Subject.Organization = identity.Groups
		leaf.KeyUsage = x509.KeyUsageDigitalSignature
		leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
		leaf.DNSNames, leaf.IPAddresses = split(identity.Hosts)
		if err := authority.write(leaf, filepath.Join(dir, identity.File+".crt"), filepath.Join(dir, identity.File+".key")); err != nil {
			return err
		}
	}
	return nil
}

// split tells names from addresses.
func split(hosts []string) (names []string, addresses []net.IP) {
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			addresses = append(addresses, ip)
		} else {
			names = append(names, host)
		}
	}
	return names, addresses
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

// write makes a certificate of the template, with a key of its own, and writes both.
func (a *authority) write(leaf *x509.Certificate, certFile, keyFile string) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.template, key.Public(), a.key)
	if err != nil {
		return fmt.Errorf("create a certificate of %q: %w", leaf.Subject.CommonName, err)
	}
	if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return err
	}
	return writeKey(keyFile, key)
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
