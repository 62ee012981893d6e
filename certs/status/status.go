package status

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"userscope.dev/userscope/certs/issuer"
	"userscope.dev/userscope/certs/pki"
	"userscope.dev/userscope/certs/rotation"
)

// Report describes the certificates and the problems with them. Without problems all is well.
type Report struct {
	// Rows are the certificates, in the order of trust: the Secrets', the caBundles', and the served one.
	Rows []Row `json:"certificates"`
	// Problems need a person, one line each.
	Problems []string `json:"problems"`
}

// Row is one certificate, or the place where one is missing.
type Row struct {
	// Where is the place of the certificate: a key of a Secret, a webhook, or an address.
	Where string `json:"where"`
	// Fingerprint is the SHA-256 of the certificate, in hex; empty without a certificate. Issuer is the fingerprint
	// of the CA that it chains to; empty for a CA.
	Fingerprint string `json:"fingerprint,omitempty"`
	Issuer      string `json:"issuer,omitempty"`
	// NotAfter is the time at which the certificate expires; nil without a certificate.
	NotAfter *time.Time `json:"notAfter,omitempty"`
	// State is ok, or a few words about the problem.
	State string `json:"state"`
}

// stateOK is the State of a row without a problem.
const stateOK = "ok"

// Look reports on the certificates for a host at a time. Unless the address is empty, it also shakes hands with the
// serving Pod or Service there. It returns an error if the cluster could not be read.
func Look(ctx context.Context, cluster *issuer.Cluster, host, address string, now time.Time) (*Report, error) {
	observed, err := cluster.Observe(ctx)
	if observed == nil {
		return nil, err
	}
	return describe(ctx, observed, err, host, address, now), nil
}

// describe reports on an observation; missing holds the errors about missing objects, one a line.
func describe(ctx context.Context, observed *issuer.Observation, missing error, host, address string, now time.Time) *Report {
	r := &reporter{now: now, host: host, observed: observed, report: &Report{Problems: []string{}}}
	if missing != nil {
		r.report.Problems = append(r.report.Problems, strings.Split(missing.Error(), "\n")...)
	}
	for _, secret := range observed.Immutable {
		r.problem("Secret %s: is immutable, so that no certificate can be renewed: delete it, and create it without immutable: true", secret)
	}
	r.secret()
	r.bundles()
	if address != "" {
		r.served(ctx, address)
	}
	return r.report
}

type reporter struct {
	now      time.Time
	host     string
	observed *issuer.Observation
	report   *Report
}

func (r *reporter) problem(format string, args ...any) {
	r.report.Problems = append(r.report.Problems, fmt.Sprintf(format, args...))
}

// add adds a row, and a problem if its state is one.
func (r *reporter) add(where string, certificate, signedBy *x509.Certificate, state string) {
	row := Row{Where: where, State: state}
	if certificate != nil {
		row.Fingerprint = string(pki.CA(certificate).ID)
		row.NotAfter = &certificate.NotAfter
		if signedBy != nil {
			row.Issuer = string(pki.CA(signedBy).ID)
		}
	}
	r.report.Rows = append(r.report.Rows, row)
	if state != stateOK {
		r.problem("%s: %s", where, state)
	}
}

// age returns the state of a certificate or chain with a validity.
func (r *reporter) age(validity rotation.Validity) string {
	switch {
	case r.now.Before(validity.NotBefore):
		return "valid only from " + validity.NotBefore.UTC().Format(time.RFC3339)
	case validity.Ended(r.now):
		return "expired"
	case !r.now.Before(validity.ExpiringAt()):
		return "expiring: it should have been renewed at " + validity.RenewAt().UTC().Format(time.RFC3339)
	default:
		return stateOK
	}
}

// chainAge describes the age of the serving certificate. If that is fine, it describes the age of the chain by which
// API servers verify it, see pki.ChainValidity.
func (r *reporter) chainAge(certificate *x509.Certificate, chain rotation.Validity) string {
	if state := r.age(pki.Validity(certificate)); state != stateOK {
		return state
	}
	if state := r.age(chain); state != stateOK {
		return "its chain: " + state
	}
	return stateOK
}

func (r *reporter) secret() {
	secret := r.observed.Secrets
	r.report.Problems = append(r.report.Problems, secret.Problems...)
	where := "CA's Secret "
	if secret.Observed().Unmoved {
		where = "Secret "
	}
	if secret.CA != nil {
		r.authority(where+pki.CACertificate, secret.CA.Certificate)
	}
	if secret.Next != nil {
		r.authority(where+pki.NextCACertificate, secret.Next.Certificate)
	}
	if secret.Issuer != nil && (secret.CA == nil || !secret.Observed().Unmoved) {
		r.authority("Secret "+pki.CACertificate, secret.Issuer)
	}
	if secret.Leaf == nil {
		r.add("Secret "+pki.ServingCertificate, nil, nil, "there is no serving certificate that is of use")
		return
	}
	r.add("Secret "+pki.ServingCertificate, secret.Leaf[0], secret.Issuer, r.chainAge(secret.Leaf[0], secret.Trusted))
}

func (r *reporter) authority(where string, certificate *x509.Certificate) {
	r.add(where, certificate, nil, r.age(pki.Validity(certificate)))
}

// name returns the name of a webhook in the report.
func name(configuration *issuer.Configuration, webhook issuer.Webhook) string {
	return fmt.Sprintf("%s, %s", configuration, webhook.Name)
}

func (r *reporter) bundles() {
	for _, configuration := range r.observed.Configurations {
		for _, webhook := range configuration.Webhooks {
			where := name(configuration, webhook)
			if webhook.Calls != r.host {
				r.problem("%s: calls %s instead of %s: whoever answers there decides about Pods", where, webhook.Calls, r.host)
			}
			if webhook.FailurePolicy != admissionregistrationv1.Fail {
				r.problem("%s: failurePolicy: %s lets Pods pass unjudged while Userscope does not answer: set Fail", where, webhook.FailurePolicy)
			}
			certificates, err := pki.Decode(webhook.CABundle)
			if err != nil {
				r.add(where, nil, nil, "its caBundle "+err.Error()+": API servers trust no one")
				continue
			}
			r.bundle(where, certificates)
		}
	}
}

func (r *reporter) bundle(where string, certificates []*x509.Certificate) {
	leaf := r.observed.Secrets.Leaf
	var used *x509.Certificate // the CA of this caBundle to which the Secret's certificate chains
	var err error
	if leaf != nil {
		_, used, err = pki.ChainValidity(leaf, certificates, r.host)
	}
	for _, certificate := range certificates {
		state := stateOK // an unused CA may expire in a caBundle
		if leaf == nil || used != nil && used.Equal(certificate) {
			state = r.age(pki.Validity(certificate))
		}
		if r.foreign(certificate) {
			state = "foreign: no Secret holds it; an issuer removes it in minutes: if it stays or comes back, find out who adds it"
		}
		r.add(where, certificate, nil, state)
	}
	if err != nil {
		r.problem("%s: its caBundle does not trust the Secret's serving certificate", where)
	}
}

// foreign reports whether a CA of a caBundle is neither in the Secrets nor trusted for the Secret's certificate. API
// servers believe whoever has its key, until it expires. So is a CA that a rotation has just replaced.
func (r *reporter) foreign(ca *x509.Certificate) bool {
	secrets := r.observed.Secrets
	if secrets.Holds(ca) || pki.Validity(ca).Ended(r.now) {
		return false
	}
	if secrets.Leaf == nil {
		return true
	}
	_, _, err := pki.ChainValidity(secrets.Leaf, []*x509.Certificate{ca}, r.host)
	return err != nil
}

// dialTimeout bounds the handshake with a server that may not answer.
const dialTimeout = 5 * time.Second

// served reports on the certificate that is served at an address to an API server.
func (r *reporter) served(ctx context.Context, address string) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{
		ServerName: r.host,
		// Nothing is sent, and the chain is verified below.
		InsecureSkipVerify: true, //nolint:gosec // verified below
	}}
	where := "served at " + address
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		r.add(where, nil, nil, fmt.Sprintf("TLS handshake: %v", err))
		return
	}
	defer func() { _ = conn.Close() }()
	chain := conn.(*tls.Conn).ConnectionState().PeerCertificates
	trusted := pki.Validity(chain[0])
	var signedBy *x509.Certificate
	for _, configuration := range r.observed.Configurations {
		for _, webhook := range configuration.Webhooks {
			roots, err := pki.Decode(webhook.CABundle)
			if err != nil {
				continue // bundles has reported it
			}
			if err := pki.Verify(chain, roots, r.host, r.now); err != nil {
				r.problem("%s: %s does not take it: %v", where, name(configuration, webhook), err)
				continue
			}
			// Report the earliest expiry among the webhooks' chains.
			if when, root, err := pki.ChainValidity(chain, roots, r.host); err == nil && !when.NotAfter.After(trusted.NotAfter) {
				trusted, signedBy = when, root
			}
		}
	}
	r.add(where, chain[0], signedBy, r.chainAge(chain[0], trusted))
}
