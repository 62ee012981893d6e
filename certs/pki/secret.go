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
	CAKey              = "ca.key"
	NextCACertificate  = "next-ca.crt"
	NextCAKey          = "next-ca.key"
)

// Secret is what the Secret holds, as far as it is of use.
type Secret struct {
	// CA and Next can sign; nil where there is none that can.
	CA, Next *Authority

	// Leaf is the serving certificate with what it comes with, and Issuer the CA of ca.crt that it
	// chains to; nil where no serving Pod would take it.
	Leaf   []*x509.Certificate
	Issuer *x509.Certificate
	// Taken is when serving Pods take the Leaf, with all that it chains by.
	Taken rotation.Validity

	// Problems say what the Secret holds and is of no use. Keys that are absent are none: without
	// a private key, a CA that others keep is only trusted.
	Problems []string

	data map[string][]byte
	host string
}

// ReadSecret reads the data of a Secret that holds certificates for a host.
func ReadSecret(data map[string][]byte, host string) *Secret {
	s := &Secret{data: data, host: host}
	s.CA = s.authority(CACertificate, CAKey)
	s.Next = s.authority(NextCACertificate, NextCAKey)
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

// readLeaf reads the serving certificate, and reports why a serving Pod would not take it, its
// validity aside.
func (s *Secret) readLeaf() error {
	_, chain, err := ReadPair(s.data[ServingCertificate], s.data[ServingKey])
	if err != nil {
		return err
	}
	roots, err := Decode(s.data[CACertificate])
	if err != nil {
		return fmt.Errorf("%s %w", CACertificate, err)
	}
	taken, issuer, err := Taken(chain, roots, s.host)
	if err != nil {
		return err
	}
	s.Leaf, s.Issuer, s.Taken = chain, issuer, taken
	return nil
}

// Observed is what package plan knows of the Secret; the caBundles are to be added.
func (s *Secret) Observed() *rotation.Observed {
	observed := &rotation.Observed{}
	if s.CA != nil {
		observed.CA = new(CA(s.CA.Certificate))
	}
	if s.Next != nil {
		observed.Next = new(CA(s.Next.Certificate))
	}
	if s.Leaf != nil {
		observed.Leaf = &rotation.Leaf{Issuer: CA(s.Issuer), Alone: len(s.Leaf) == 1, Validity: s.Taken}
	}
	return observed
}

// Certificates are all the authorities that the Secret holds.
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

// Do returns the Secret's data after an action, which must be one that writes the Secret. What others
// keep in it stays.
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
		return data, put(data, next, NextCACertificate, NextCAKey)
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

	// Whatever else was in ca.crt is not trusted any more: serving Pods would take its
	// certificates.
	if err := put(data, signs, CACertificate, CAKey); err != nil {
		return nil, err
	}
	_, renews := action.(rotation.Renew)
	if !renews || s.Next == nil || Validity(s.Next.Certificate).Ended(now) {
		delete(data, NextCACertificate)
		delete(data, NextCAKey)
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
