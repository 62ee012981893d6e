package status

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"userscope.dev/userscope/certs/issuer"
	"userscope.dev/userscope/certs/pki"
	"userscope.dev/userscope/certs/rotation"
)

// Report is how the certificates are. It is healthy without problems.
type Report struct {
	// Rows are the certificates, in the order in which trust runs: the Secret's, the caBundles', and
	// the one that is served.
	Rows []Row `json:"certificates"`
	// Problems are what a person should see to.
	Problems []string `json:"problems"`
}

// Row is one certificate, or the place where one is missing.
type Row struct {
	// Where it was found: a key of the Secret, a webhook, an address.
	Where string `json:"where"`
	// Fingerprint is the SHA-256 of the certificate, in hex, and Issuer that of the CA that signed
	// it; empty for a CA. Both are empty where there is no certificate.
	Fingerprint string `json:"fingerprint,omitempty"`
	Issuer      string `json:"issuer,omitempty"`
	// NotAfter is when it expires.
	NotAfter *time.Time `json:"notAfter,omitempty"`
	// State is ok, or what is wrong with it in a few words.
	State string `json:"state"`
}

// stateOK is the state of what is as it should be.
const stateOK = "ok"

// Look finds out how the certificates for a host are at a time. The address of a serving Pod or of the
// Service is asked too, unless it is empty. The error says what of the cluster could not be read.
func Look(ctx context.Context, cluster *issuer.Cluster, host, address string, now time.Time) (*Report, error) {
	observed, err := cluster.Observe(ctx)
	if observed == nil {
		return nil, err
	}
	return describe(ctx, observed, err, host, address, now), nil
}

// describe reports on what was observed, with an error about what is not there.
func describe(ctx context.Context, observed *issuer.Observation, missing error, host, address string, now time.Time) *Report {
	r := &reporter{now: now, host: host, observed: observed, report: &Report{Problems: []string{}}}
	if missing != nil {
		r.report.Problems = append(r.report.Problems, strings.Split(missing.Error(), "\n")...)
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
func (r *reporter) add(where string, certificate, issuer *x509.Certificate, state string) {
	row := Row{Where: where, State: state}
	if certificate != nil {
		row.Fingerprint = string(pki.CA(certificate).ID)
		row.NotAfter = &certificate.NotAfter
		if issuer != nil {
			row.Issuer = string(pki.CA(issuer).ID)
		}
	}
	r.report.Rows = append(r.report.Rows, row)
	if state != stateOK {
		r.problem("%s: %s", where, state)
	}
}

// age says how far something is through its life.
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

// chainAge says how far a serving certificate is through its life, or, if that is well, how far that is through
// it by which API servers take it.
func (r *reporter) chainAge(certificate *x509.Certificate, taken rotation.Validity) string {
	if state := r.age(pki.Validity(certificate)); state != stateOK {
		return state
	}
	if state := r.age(taken); state != stateOK {
		return "its chain: " + state
	}
	return stateOK
}

func (r *reporter) secret() {
	secret := r.observed.Secret
	for _, problem := range secret.Problems {
		r.problem("Secret: %s", problem)
	}
	switch {
	case secret.CA != nil:
		r.authority(pki.CACertificate, secret.CA.Certificate)
	case secret.Issuer != nil: // its private key is kept elsewhere
		r.authority(pki.CACertificate, secret.Issuer)
	}
	if secret.Next != nil {
		r.authority(pki.NextCACertificate, secret.Next.Certificate)
	}
	if secret.Leaf == nil {
		r.add("Secret "+pki.ServingCertificate, nil, nil, "there is no serving certificate that is of use")
		return
	}
	r.add("Secret "+pki.ServingCertificate, secret.Leaf[0], secret.Issuer, r.chainAge(secret.Leaf[0], secret.Taken))
}

func (r *reporter) authority(key string, certificate *x509.Certificate) {
	r.add("Secret "+key, certificate, nil, r.age(pki.Validity(certificate)))
}

// name is what a webhook is called in the report.
func name(configuration *issuer.Configuration, webhook issuer.Webhook) string {
	return fmt.Sprintf("%s, %s", configuration, webhook.Name)
}

func (r *reporter) bundles() {
	for _, configuration := range r.observed.Configurations {
		for _, webhook := range configuration.Webhooks {
			where := name(configuration, webhook)
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
	leaf := r.observed.Secret.Leaf
	var used *x509.Certificate // is that by which the Secret's certificate is taken
	var err error
	if leaf != nil {
		_, used, err = pki.Taken(leaf, certificates, r.host)
	}
	for _, certificate := range certificates {
		state := stateOK // one that is of no use may expire there
		if leaf == nil || used != nil && used.Equal(certificate) {
			state = r.age(pki.Validity(certificate))
		}
		r.add(where, certificate, nil, state)
	}
	if err != nil {
		r.problem("%s: its caBundle does not trust the Secret's serving certificate", where)
	}
}

// dialTimeout bounds the handshake with a server that may not answer.
const dialTimeout = 5 * time.Second

// served asks who answers at an address, as an API server asks.
func (r *reporter) served(ctx context.Context, address string) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{
		ServerName: r.host,
		// Nothing is sent, and what is shown is looked at below.
		InsecureSkipVerify: true, //nolint:gosec // see above
	}}
	where := "served at " + address
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		r.add(where, nil, nil, fmt.Sprintf("TLS handshake: %v", err))
		return
	}
	defer func() { _ = conn.Close() }()
	chain := conn.(*tls.Conn).ConnectionState().PeerCertificates
	taken := pki.Validity(chain[0])
	var issuer *x509.Certificate
	for _, configuration := range r.observed.Configurations {
		for _, webhook := range configuration.Webhooks {
			roots, err := pki.Decode(webhook.CABundle)
			if err != nil {
				continue // it stands above
			}
			if err := pki.Verify(chain, roots, r.host, r.now); err != nil {
				r.problem("%s: %s does not take it: %v", where, name(configuration, webhook), err)
				continue
			}
			// The first end of what the webhooks take it by is the one that matters.
			if when, root, err := pki.Taken(chain, roots, r.host); err == nil && !when.NotAfter.After(taken.NotAfter) {
				taken, issuer = when, root
			}
		}
	}
	r.add(where, chain[0], issuer, r.chainAge(chain[0], taken))
}
