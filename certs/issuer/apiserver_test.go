package issuer

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"userscope.dev/userscope/certs/pki"
	"userscope.dev/userscope/certs/rotation"
)

// apiServer shows two Secrets, and two configurations with one webhook each, and counts what it is asked to write.
type apiServer struct {
	serving, authorities map[string][]byte
	caBundle             []byte
	// ahead is by how much its clock is, a time.Duration.
	ahead atomic.Int64
	// generation is the configurations'.
	generation atomic.Int64
	writes     atomic.Int32
	// refuses is whether it forbids every write.
	refuses bool
}

// issuer returns one that works on it, until the test ends.
func (a *apiServer) issuer(t *testing.T, settings rotation.Settings) *Issuer {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	cluster, err := NewCluster(&rest.Config{Host: server.URL, QPS: -1}, target)
	if err != nil {
		t.Fatal(err)
	}
	return New(cluster, settings)
}

// introduced shows Secrets as they are in a rotation, and returns both CAs in PEM.
func introduced(t *testing.T) (api *apiServer, ca, next []byte) {
	t.Helper()
	api = filled(t)
	api.do(t, rotation.Introduce{})
	return api, api.serving["ca.crt"], api.authorities["next-ca.crt"]
}

// filled shows Secrets that an issuer has filled.
func filled(t *testing.T) *apiServer {
	t.Helper()
	api := &apiServer{}
	api.do(t, rotation.Fill{})
	api.do(t, rotation.Renew{})
	return api
}

// do does an action, as an issuer would.
func (a *apiServer) do(t *testing.T, action rotation.Action) {
	t.Helper()
	serving, authorities, err := pki.ReadSecrets(a.serving, a.authorities, target.Host()).Do(action, time.Now(), rotation.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	if serving != nil {
		a.serving = serving
	}
	if authorities != nil {
		a.authorities = authorities
	}
}

// ServeHTTP is for http.Handler.
func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		a.writes.Add(1)
		if a.refuses {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
	}
	meta := metav1.ObjectMeta{Name: target.ConfigurationName, Generation: a.generation.Load()}
	client := admissionregistrationv1.WebhookClientConfig{CABundle: a.caBundle}
	var object any
	switch path := r.URL.Path; {
	case strings.Contains(path, "/secrets/"):
		name, data := target.SecretName, a.serving
		if strings.HasSuffix(path, "/"+target.CASecretName) {
			name, data = target.CASecretName, a.authorities
		}
		object = &corev1.Secret{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
			ObjectMeta: metav1.ObjectMeta{Namespace: target.ServiceNamespace, Name: name},
			Data:       data,
		}
	case strings.Contains(path, "/mutatingwebhookconfigurations/"):
		object = &admissionregistrationv1.MutatingWebhookConfiguration{
			TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: Mutating},
			ObjectMeta: meta,
			Webhooks:   []admissionregistrationv1.MutatingWebhook{{Name: "a", ClientConfig: client}},
		}
	default:
		object = &admissionregistrationv1.ValidatingWebhookConfiguration{
			TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: Validating},
			ObjectMeta: meta,
			Webhooks:   []admissionregistrationv1.ValidatingWebhook{{Name: "b", ClientConfig: client}},
		}
	}
	w.Header().Set("Date", time.Now().Add(time.Duration(a.ahead.Load())).UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(object) // the client would complain
}
