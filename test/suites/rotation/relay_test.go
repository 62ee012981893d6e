package rotation

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// relay stands between an issuer and the API server, and may do something else than relay.
type relay struct {
	kubeconfig string
	writes     atomic.Int64
	trouble    atomic.Pointer[trouble]
}

// trouble is what a relay does. What is not set does no harm.
type trouble struct {
	// unreachable ends every connection.
	unreachable bool
	// conflicts answers every write as if somebody else had been faster.
	conflicts bool
	// ahead is by how much the API server's clock seems to be.
	ahead time.Duration
}

// startRelay starts one that only relays, until the test ends.
func startRelay(t *testing.T) *relay {
	t.Helper()
	config := cluster.Config(issuerUser)
	tlsConfig, err := rest.TLSConfigFor(config)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	r.trouble.Store(&trouble{})
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(request *httputil.ProxyRequest) { request.SetURL(target) },
		Transport:      &http.Transport{TLSClientConfig: tlsConfig},
		ModifyResponse: r.modify,
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) { r.serve(w, request, proxy) }))
	t.Cleanup(server.Close)

	through, err := clientcmd.LoadFromFile(kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	for _, cluster := range through.Clusters {
		cluster.Server = server.URL
		cluster.CertificateAuthorityData = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	}
	if err := clientcmd.WriteToFile(*through, r.kubeconfig); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *relay) serve(w http.ResponseWriter, request *http.Request, proxy http.Handler) {
	trouble := r.trouble.Load()
	if trouble.unreachable {
		panic(http.ErrAbortHandler)
	}
	if request.Method != http.MethodGet {
		r.writes.Add(1)
		if trouble.conflicts {
			status := apierrors.NewConflict(schema.GroupResource{Resource: "things"}, "something", errors.New("it was changed")).Status()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusConflict)
			_ = json.NewEncoder(w).Encode(status) // whoever asked may be gone
			return
		}
	}
	proxy.ServeHTTP(w, request)
}

func (r *relay) modify(response *http.Response) error {
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err == nil {
		response.Header.Set("Date", date.Add(r.trouble.Load().ahead).Format(http.TimeFormat))
	}
	return err
}

// An API server that is not reached for longer than a certificate lives costs just that certificate: it is
// replaced as soon as the API server is back.
func TestUnreachable(t *testing.T) {
	install(t)
	relay := startRelay(t)
	i := startIssuer(t, relay.kubeconfig, lifetimes(time.Hour, 12*time.Second, time.Second)...)
	r := startReplica(t, 100*time.Millisecond)
	awaitRest(t, []*issuer{i}, r)
	const expired = "the certificate expired at "
	r.watchReadiness(t, expired)

	relay.trouble.Store(&trouble{unreachable: true})
	i.awaitReport(t, "get Secret userscope-system/userscope-tls: ")
	await(t, "the certificate expires", func(ctx context.Context) error {
		_, err := get(ctx, r.webhook.HealthAddress, "/readyz")
		if err == nil {
			return errors.New("the replica is ready")
		}
		return nil
	})
	relay.trouble.Store(&trouble{})
	awaitRest(t, []*issuer{i}, r)
	await(t, "the replica is ready again", func(ctx context.Context) error {
		_, err := get(ctx, r.webhook.HealthAddress, "/readyz")
		return err
	})
}

// An issuer whose every write is refused as a conflict says so and harms nothing.
func TestConflicts(t *testing.T) {
	relay, i, r := installed(t)
	relay.trouble.Store(&trouble{conflicts: true})
	writes, before := relay.writes.Load(), damage(t)
	i.awaitReport(t, "something else keeps writing it")
	if after, err := readSecret(t.Context(), servingName); err != nil || after.ResourceVersion != before {
		t.Errorf("the Secret has been written: %v", err)
	}
	if relay.writes.Load() == writes {
		t.Error("nothing was tried")
	}
	relay.trouble.Store(&trouble{})
	awaitRest(t, []*issuer{i}, r)
}

// While the clocks of the issuer and the API server disagree, nothing is issued.
func TestClockSkew(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, test := range []struct {
		name  string
		ahead time.Duration
		want  string
	}{
		{"API server a year ahead", year, " behind the API server's"},
		{"API server an hour behind", -time.Hour, "ahead of the API server's"},
	} {
		t.Run(test.name, func(t *testing.T) {
			relay, i, r := installed(t)
			relay.trouble.Store(&trouble{ahead: test.ahead})
			i.awaitReport(t, test.want)
			writes := relay.writes.Load()
			damage(t)
			i.awaitPasses(t)
			if n := relay.writes.Load() - writes; n > 0 {
				t.Errorf("%d writes", n)
			}
			relay.trouble.Store(&trouble{})
			awaitRest(t, []*issuer{i}, r)
		})
	}
}
