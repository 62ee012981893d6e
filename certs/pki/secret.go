package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"time"

	"userscope.dev/userscope/certs/rotation"
)

// The keys of the Secret. Serving Pods mount the first three, and only these: the others sign.
const (
	ServingCertificate = "tls.crt"
	ServingKey         = "tls.key"
	CACertificate      = "ca.crt"
	caKey              = "ca.key"
	NextCACertificate  = "next-ca.crt"
	nextCAKey          = "next-ca.key"
)

// Secret is the usable content of the Secret.
type Secret struct {
	// CA signs, and Next signs after it; nil without a usable certificate and private key.
	CA, Next *Authority

	// Leaf is the chain of tls.crt, the serving certificate first. Issuer is the CA of ca.crt that it chains to.
	// Both are nil if no serving Pod would accept the pair.
	Leaf   []*x509.Certificate
	Issuer *x509.Certificate
	// Trusted is the period in which serving Pods accept the Leaf with its chain, see ChainValidity.
	Trusted rotation.Validity

	// Problems name the unusable keys of the Secret. An absent key is no problem: a CA whose private key is kept
	// elsewhere is trusted, and does not sign.
	Problems []string

	data map[string][]byte
	host string
}

// ReadSecret reads the data of a Secret that holds certificates for a host.
func ReadSecret(data map[string][]byte, host string) *Secret {
	s := &Secret{data: data, host: host}
	s.CA = s.authority(CACertificate, caKey)
	s.Next = s.authority(NextCACertificate, nextCAKey)
	if len(data[ServingCertificate]) > 0 || len(data[ServingKey]) > 0 {
		if err := s.readLeaf(); err != nil {
			s.Problems = append(s.Problems, fmt.Sprintf("%s and %s are of no use: %v", ServingCertificate, ServingKey, err))
		}
	}
	return s
}

func (s *Secret) authority(certificate, key string) *Authority {
	if len(s.data[key]) == 0 {
		return nil
	}
	authority, err := decodeAuthority(s.data[certificate], s.data[key], s.host)
	if err != nil {
		s.Problems = append(s.Problems, fmt.Sprintf("%s and %s are of no use: %v", certificate, key, err))
		return nil
	}
	return authority
}

// readLeaf reads the serving certificate. It returns an error if a serving Pod would not accept it at any time.
func (s *Secret) readLeaf() error {
	_, chain, err := ReadPair(s.data[ServingCertificate], s.data[ServingKey])
	if err != nil {
		return err
	}
	roots, err := Decode(s.data[CACertificate])
	if err != nil {
		return fmt.Errorf("%s %w", CACertificate, err)
	}
	trusted, issuer, err := ChainValidity(chain, roots, s.host)
	if err != nil {
		return err
	}
	s.Leaf, s.Issuer, s.Trusted = chain, issuer, trusted
	return nil
}

// Observed returns the Secret as package rotation sees it. The caller adds the caBundles.
func (s *Secret) Observed() *rotation.Observed {
	observed := &rotation.Observed{}
	if s.CA != nil {
		observed.CA = new(CA(s.CA.Certificate))
	}
	if s.Next != nil {
		observed.Next = new(CA(s.Next.Certificate))
	}
	if s.Leaf != nil {
		observed.Leaf = &rotation.Leaf{Issuer: CA(s.Issuer), LeafOnly: len(s.Leaf) == 1, Validity: s.Trusted}
	}
	return observed
}

// Certificates returns the certificates of all CAs in the Secret.
func (s *Secret) Certificates() []*x509.Certificate {
	var certificates []*x509.Certificate
	if s.Issuer != nil {
		certificates = append(certificates, s.Issuer)
	}
	for _, authority := range []*Authority{s.CA, s.Next} {
		if authority != nil {
			certificates = append(certificates, authority.Certificate)
		}
	}
	return certificates
}

// Do returns the Secret's data after an action, which must be one that writes the Secret. Foreign keys of the
// Secret stay.
func (s *Secret) Do(action rotation.Action, now time.Time, settings rotation.Settings) (map[string][]byte, error) {
	data := maps.Clone(s.data)
	if data == nil {
		data = map[string][]byte{}
	}
	signs := s.CA
	switch action.(type) {
	case rotation.Introduce:
		next, err := NewAuthority(now, settings.CALifetime, s.host)
		if err != nil {
			return nil, err
		}
		return data, put(data, next, NextCACertificate, nextCAKey)
	case rotation.Fill:
		ca, err := NewAuthority(now, settings.CALifetime, s.host)
		if err != nil {
			return nil, err
		}
		signs = ca
	case rotation.Promote:
		signs = s.Next
	case rotation.Renew:
	default:
		return nil, fmt.Errorf("%T does not write the Secret", action)
	}
	if signs == nil {
		return nil, errors.New("there is no CA to sign with")
	}

	// Drop any other CA from ca.crt: serving Pods would accept its certificates.
	if err := put(data, signs, CACertificate, caKey); err != nil {
		return nil, err
	}
	_, renews := action.(rotation.Renew)
	if !renews || s.Next == nil || Validity(s.Next.Certificate).Ended(now) {
		delete(data, NextCACertificate)
		delete(data, nextCAKey)
	}
	var err error
	end := rotation.LeafEnd(now, CA(signs.Certificate), settings)
	data[ServingCertificate], data[ServingKey], err = signs.Issue(now, end, s.host)
	return data, err
}

func put(data map[string][]byte, authority *Authority, certificate, key string) (err error) {
	data[certificate] = Encode(authority.Certificate)
	data[key], err = encodeKey(authority.key)
	return err
}
