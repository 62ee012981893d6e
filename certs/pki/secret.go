package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"userscope.dev/userscope/certs/rotation"
)

// The keys of the serving Secret, all of which serving Pods mount.
const (
	ServingCertificate = "tls.crt"
	ServingKey         = "tls.key"
	CACertificate      = "ca.crt"
)

// The keys of the CA's Secret, beside CACertificate. No Pod mounts them: they sign.
const (
	NextCACertificate = "next-ca.crt"
	caKey             = "ca.key"
	nextCAKey         = "next-ca.key"
)

// strays are the keys of the CA's Secret that earlier versions kept in the serving Secret.
var strays = []string{caKey, NextCACertificate, nextCAKey}

// Secrets is the usable content of the serving Secret and of the CA's Secret.
type Secrets struct {
	// CA signs, and Next signs after it; nil without a usable certificate and private key. If the CA's Secret has
	// neither, they are those of the serving Secret.
	CA, Next *Authority

	// Leaf is the chain of tls.crt, the serving certificate first. Issuer is the CA of the serving Secret's ca.crt
	// that it chains to. Both are nil if no serving Pod would accept the pair.
	Leaf   []*x509.Certificate
	Issuer *x509.Certificate
	// Trusted is the period in which serving Pods accept the Leaf with its chain, see ChainValidity.
	Trusted rotation.Validity

	// Problems name the unusable and the misplaced keys of the Secrets. An absent key is no problem: a CA whose
	// private key is kept elsewhere is trusted, and does not sign.
	Problems []string

	serving, authorities map[string][]byte
	host                 string
	unmoved, strays      bool
	useless              bool
}

// ReadSecrets reads the data of the two Secrets that hold the certificates for a host.
func ReadSecrets(serving, authorities map[string][]byte, host string) *Secrets {
	s := &Secrets{serving: serving, authorities: authorities, host: host}
	s.CA = s.authority(CACertificate, caKey)
	s.Next = s.authority(NextCACertificate, nextCAKey)
	s.useless = s.Next == nil && len(authorities[NextCACertificate])+len(authorities[nextCAKey]) > 0
	s.readStrays()
	if len(serving[ServingCertificate]) > 0 || len(serving[ServingKey]) > 0 {
		if err := s.readLeaf(); err != nil {
			s.problem("Secret: %s and %s are of no use: %v", ServingCertificate, ServingKey, err)
		}
	}
	return s
}

func (s *Secrets) problem(format string, args ...any) {
	s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
}

func (s *Secrets) authority(certificate, key string) *Authority {
	if len(s.authorities[key]) == 0 {
		return nil
	}
	authority, err := decodeAuthority(s.authorities[certificate], s.authorities[key], s.host)
	if err != nil {
		s.problem("CA's Secret: %s and %s are of no use: %v", certificate, key, err)
		return nil
	}
	return authority
}

// readStrays looks for keys that sign in the serving Secret. It reads the CAs there if the CA's Secret has none.
func (s *Secrets) readStrays() {
	var found []string
	for _, key := range strays {
		if len(s.serving[key]) > 0 {
			found = append(found, key)
		}
	}
	if len(found) == 0 {
		return
	}
	s.problem("Secret: the nodes of the Pods that mount it can read its %s: the issuer moves what signs to the CA's Secret", strings.Join(found, ", "))
	if s.CA == nil && s.Next == nil {
		s.CA, _ = decodeAuthority(s.serving[CACertificate], s.serving[caKey], s.host)
		s.Next, _ = decodeAuthority(s.serving[NextCACertificate], s.serving[nextCAKey], s.host)
		s.unmoved = s.CA != nil || s.Next != nil
	}
	s.strays = !s.unmoved
}

// readLeaf reads the serving certificate. It returns an error if a serving Pod would not accept it at any time.
func (s *Secrets) readLeaf() error {
	_, chain, err := ReadPair(s.serving[ServingCertificate], s.serving[ServingKey])
	if err != nil {
		return err
	}
	roots, err := Decode(s.serving[CACertificate])
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

// Observed returns the Secrets as package rotation sees them. The caller adds the caBundles.
func (s *Secrets) Observed() *rotation.Observed {
	observed := &rotation.Observed{Unmoved: s.unmoved, Strays: s.strays, Useless: s.useless}
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

// Certificates returns the certificates of all CAs in the Secrets.
func (s *Secrets) Certificates() []*x509.Certificate {
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

// Holds reports whether a Secret holds the certificate of a CA, with or without its private key.
func (s *Secrets) Holds(ca *x509.Certificate) bool {
	for _, data := range []map[string][]byte{s.serving, s.authorities} {
		for _, key := range []string{CACertificate, NextCACertificate} {
			certificates, _ := Decode(data[key]) // none is an error, and holds nothing
			if slices.ContainsFunc(certificates, ca.Equal) {
				return true
			}
		}
	}
	return false
}

// Do returns the data of the Secret that an action writes; the other one is nil. Foreign keys stay. It returns an
// error if the action writes no Secret, or lacks the CA that it needs.
func (s *Secrets) Do(action rotation.Action, now time.Time, settings rotation.Settings) (serving, authorities map[string][]byte, err error) {
	switch action.(type) {
	case rotation.Promote:
		serving, err = s.sign(s.Next, now, settings)
	case rotation.Renew:
		serving, err = s.sign(s.CA, now, settings)
	case rotation.Strip:
		serving = s.stripped()
	case rotation.Move, rotation.Fill, rotation.Introduce, rotation.Retire, rotation.Discard:
		authorities, err = s.doAuthorities(action, now, settings)
	default:
		err = fmt.Errorf("%T does not write a Secret", action)
	}
	return serving, authorities, err
}

// sign returns the serving Secret's data with a new certificate. It drops any other CA from ca.crt: serving Pods
// would accept its certificates.
func (s *Secrets) sign(by *Authority, now time.Time, settings rotation.Settings) (map[string][]byte, error) {
	if by == nil {
		return nil, errors.New("there is no CA to sign with")
	}
	certificate, key, err := by.Issue(now, rotation.LeafEnd(now, CA(by.Certificate), settings), s.host)
	if err != nil {
		return nil, err
	}
	data := s.stripped()
	data[ServingCertificate], data[ServingKey], data[CACertificate] = certificate, key, Encode(by.Certificate)
	return data, nil
}

// stripped returns the serving Secret's data without the keys that sign.
func (s *Secrets) stripped() map[string][]byte {
	data := clone(s.serving)
	for _, key := range strays {
		delete(data, key)
	}
	return data
}

// doAuthorities returns the data of the CA's Secret after an action.
func (s *Secrets) doAuthorities(action rotation.Action, now time.Time, settings rotation.Settings) (map[string][]byte, error) {
	ca, next := s.CA, s.Next
	var err error
	switch action.(type) {
	case rotation.Fill:
		next = nil
		ca, err = NewAuthority(now, settings.CALifetime, s.host)
	case rotation.Introduce:
		next, err = NewAuthority(now, settings.CALifetime, s.host)
	case rotation.Retire:
		if next == nil {
			return nil, errors.New("there is no next CA")
		}
		ca, next = next, nil
	case rotation.Discard:
		next = nil
	}
	if err != nil {
		return nil, err
	}
	data := clone(s.authorities)
	if ca != s.CA || s.unmoved { // else a CA that cannot be read stays: a person may repair it
		err = put(data, ca, CACertificate, caKey)
	}
	return data, errors.Join(err, put(data, next, NextCACertificate, nextCAKey))
}

func clone(data map[string][]byte) map[string][]byte {
	if data == nil {
		return map[string][]byte{}
	}
	return maps.Clone(data)
}

// put writes a CA to two keys of the data; nil removes both.
func put(data map[string][]byte, authority *Authority, certificate, key string) (err error) {
	if authority == nil {
		delete(data, certificate)
		delete(data, key)
		return nil
	}
	data[certificate] = Encode(authority.Certificate)
	data[key], err = encodeKey(authority.key)
	return err
}
