package issuer

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	admissionv1client "k8s.io/client-go/kubernetes/typed/admissionregistration/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/certs/pki"
	"userscope.dev/userscope/certs/rotation"
)

// Target names the objects in the cluster that the issuer reads and writes.
type Target struct {
	// ServiceName and ServiceNamespace are the Service that the certificates name. The Secrets are in
	// the same namespace.
	ServiceName, ServiceNamespace string
	// SecretName is the Secret of the serving certificate, which the webhook's Pods mount.
	SecretName string
	// CASecretName is the Secret of the CAs and their private keys. It is empty where others than the issuer sign.
	CASecretName string
	// ConfigurationName is the name of both the MutatingWebhookConfiguration and the
	// ValidatingWebhookConfiguration.
	ConfigurationName string
}

// Host returns the name by which API servers call the Service.
func (t Target) Host() string { return t.ServiceName + "." + t.ServiceNamespace + ".svc" }

// Validate reports every mistake, named by the flags that set the target.
func (t Target) Validate() error {
	var mistakes []error
	for _, name := range []struct{ flag, value string }{
		{"--service-name", t.ServiceName},
		{"--service-namespace", t.ServiceNamespace},
		{"--secret-name", t.SecretName},
		{"--configuration", t.ConfigurationName},
	} {
		if name.value == "" {
			mistakes = append(mistakes, fmt.Errorf("%s: is empty", name.flag))
		}
	}
	if t.CASecretName != "" && t.CASecretName == t.SecretName {
		mistakes = append(mistakes, fmt.Errorf("--ca-secret-name: %q is the Secret that the webhook's Pods mount: name another one", t.CASecretName))
	}
	return errors.Join(mistakes...)
}

// Cluster reads the Secrets and the configurations, and writes them for the issuer.
type Cluster struct {
	target         Target
	secrets        corev1client.SecretInterface
	configurations configurations
	clock          serverClock
}

// NewCluster returns a client of a cluster.
func NewCluster(config *rest.Config, target Target) (*Cluster, error) {
	c := &Cluster{target: target}
	config = c.clock.wrap(config)
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	admission, err := admissionv1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	c.secrets = core.Secrets(target.ServiceNamespace)
	c.configurations = configurations{admission, target.ConfigurationName}
	return c, nil
}

// Observation is the content of the Secrets and of the configurations.
type Observation struct {
	*rotation.Observed
	Secrets        *pki.Secrets
	Configurations []*Configuration
	// Immutable names the Secrets that nobody can write, as NAMESPACE/NAME.
	Immutable []string

	serving, authorities *corev1.Secret
	// webhooks are the webhooks of all configurations, in the order of Observed.Bundles.
	webhooks []*Webhook
	// known holds every certificate of the Secrets and of the caBundles.
	known map[rotation.ID]*x509.Certificate
}

// Observe reads the serving Secret, the CA's Secret and then the configurations, an order that package rotation
// relies on. It may return an observation together with an error about missing objects.
func (c *Cluster) Observe(ctx context.Context) (*Observation, error) {
	serving, err := c.secret(ctx, c.target.SecretName)
	if err != nil {
		return nil, err
	}
	authorities := &corev1.Secret{}
	if c.target.CASecretName != "" {
		if authorities, err = c.secret(ctx, c.target.CASecretName); err != nil {
			return nil, err
		}
	}
	o := &Observation{
		Secrets: pki.ReadSecrets(serving.Data, authorities.Data, c.target.Host()),
		serving: serving, authorities: authorities, known: map[rotation.ID]*x509.Certificate{},
	}
	for _, secret := range []*corev1.Secret{serving, authorities} {
		if ptr.Deref(secret.Immutable, false) {
			o.Immutable = append(o.Immutable, secret.Namespace+"/"+secret.Name)
		}
	}
	o.Observed = o.Secrets.Observed()
	o.SecretVersion = string(serving.UID) + "/" + serving.ResourceVersion
	for _, certificate := range o.Secrets.Certificates() {
		o.known[pki.CA(certificate).ID] = certificate
	}

	// Fail if an existing configuration cannot be read: a CA that it trusts would be missed.
	configurations, errs, err := c.configurations.get(ctx)
	if err != nil {
		return nil, err
	}
	o.Configurations = configurations
	for _, configuration := range configurations {
		if len(configuration.Webhooks) == 0 {
			errs = append(errs, fmt.Errorf("%s: has no webhooks: restore it with what installed it", configuration))
		}
		o.BundleVersions = append(o.BundleVersions, configuration.version)
		for i := range configuration.Webhooks {
			o.addWebhook(&configuration.Webhooks[i])
		}
	}
	return o, errors.Join(errs...)
}

// secret reads one of the two Secrets.
func (c *Cluster) secret(ctx context.Context, name string) (*corev1.Secret, error) {
	secret, err := c.secrets.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("the Secret %[1]s/%[2]s is not there: restore it with: kubectl create secret generic %[2]s --namespace %[1]s",
			c.target.ServiceNamespace, name)
	}
	if err != nil {
		return nil, fmt.Errorf("get Secret %s/%s: %w", c.target.ServiceNamespace, name, err)
	}
	return secret, nil
}

func (o *Observation) addWebhook(webhook *Webhook) {
	certificates, _ := pki.Decode(webhook.CABundle) // a caBundle without certificates trusts nobody
	var cas []rotation.CA
	for _, certificate := range certificates {
		ca := pki.CA(certificate)
		o.known[ca.ID] = certificate
		cas = append(cas, ca)
	}
	o.webhooks = append(o.webhooks, webhook)
	o.Bundles = append(o.Bundles, cas)
}
