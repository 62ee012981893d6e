package issuer

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applyv1 "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	admissionv1client "k8s.io/client-go/kubernetes/typed/admissionregistration/v1"
	"k8s.io/utils/ptr"
)

// fieldManager owns the fields that the issuer writes: the Secrets' keys, and of the configurations only the
// caBundles. So a manifest without caBundles can be applied and leaves them in place.
const fieldManager = "userscope-issuer"

// Configuration is a MutatingWebhookConfiguration or a ValidatingWebhookConfiguration.
type Configuration struct {
	Kind, Name string
	Webhooks   []Webhook

	resourceVersion string
	// version changes with every write but those of the metadata.
	version string
}

// Webhook is a webhook of a configuration.
type Webhook struct {
	Name string
	// CABundle is in PEM.
	CABundle []byte
	// Calls is the host of the Service that API servers call, or the URL.
	Calls string
	// FailurePolicy is Fail or Ignore.
	FailurePolicy admissionregistrationv1.FailurePolicyType
}

func (c *Configuration) String() string { return c.Kind + " " + c.Name }

// The kinds of configuration.
const (
	Mutating   = "MutatingWebhookConfiguration"
	Validating = "ValidatingWebhookConfiguration"
)

// configurations reads and writes the two configurations of one name.
type configurations struct {
	client admissionv1client.AdmissionregistrationV1Interface
	name   string
}

// get reads both configurations. An error in missing names each that does not exist.
func (c *configurations) get(ctx context.Context) (found []*Configuration, missing []error, err error) {
	for _, kind := range []string{Mutating, Validating} {
		configuration, err := c.read(ctx, kind)
		switch {
		case apierrors.IsNotFound(err):
			missing = append(missing, fmt.Errorf("%s %s: is not there, so that Userscope does not see what it is for: "+
				"restore it with what installed it: helm upgrade --reuse-values, or kubectl apply -f install.yaml", kind, c.name))
		case err != nil:
			return nil, nil, fmt.Errorf("get %s %s: %w", kind, c.name, err)
		default:
			found = append(found, configuration)
		}
	}
	return found, missing, nil
}

func (c *configurations) read(ctx context.Context, kind string) (*Configuration, error) {
	read := &Configuration{Kind: kind, Name: c.name}
	if kind == Mutating {
		object, err := c.client.MutatingWebhookConfigurations().Get(ctx, c.name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		read.identify(object)
		for i := range object.Webhooks {
			read.add(object.Webhooks[i].Name, &object.Webhooks[i].ClientConfig, object.Webhooks[i].FailurePolicy)
		}
		return read, nil
	}
	object, err := c.client.ValidatingWebhookConfigurations().Get(ctx, c.name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	read.identify(object)
	for i := range object.Webhooks {
		read.add(object.Webhooks[i].Name, &object.Webhooks[i].ClientConfig, object.Webhooks[i].FailurePolicy)
	}
	return read, nil
}

func (c *Configuration) identify(object metav1.Object) {
	c.resourceVersion = object.GetResourceVersion()
	c.version = fmt.Sprintf("%s/%d", object.GetUID(), object.GetGeneration())
}

func (c *Configuration) add(
	name string, client *admissionregistrationv1.WebhookClientConfig, policy *admissionregistrationv1.FailurePolicyType,
) {
	webhook := Webhook{Name: name, CABundle: client.CABundle, Calls: ptr.Deref(client.URL, ""), FailurePolicy: ptr.Deref(policy, admissionregistrationv1.Fail)}
	if client.Service != nil {
		webhook.Calls = Target{ServiceName: client.Service.Name, ServiceNamespace: client.Service.Namespace}.Host()
	}
	c.Webhooks = append(c.Webhooks, webhook)
}

// apply writes the caBundles of a configuration, if nobody has written it since it was read. It cannot add a
// webhook: the API server refuses one without its other fields.
func (c *configurations) apply(ctx context.Context, configuration *Configuration) error {
	options := metav1.ApplyOptions{FieldManager: fieldManager, Force: true}
	var err error
	if configuration.Kind == Mutating {
		object := applyv1.MutatingWebhookConfiguration(c.name).WithResourceVersion(configuration.resourceVersion)
		for _, webhook := range configuration.Webhooks {
			object.WithWebhooks(applyv1.MutatingWebhook().WithName(webhook.Name).WithClientConfig(webhook.client()))
		}
		_, err = c.client.MutatingWebhookConfigurations().Apply(ctx, object, options)
	} else {
		object := applyv1.ValidatingWebhookConfiguration(c.name).WithResourceVersion(configuration.resourceVersion)
		for _, webhook := range configuration.Webhooks {
			object.WithWebhooks(applyv1.ValidatingWebhook().WithName(webhook.Name).WithClientConfig(webhook.client()))
		}
		_, err = c.client.ValidatingWebhookConfigurations().Apply(ctx, object, options)
	}
	if err != nil {
		return fmt.Errorf("patch the caBundle of %s: %w", configuration, err)
	}
	return nil
}

func (w Webhook) client() *applyv1.WebhookClientConfigApplyConfiguration {
	return applyv1.WebhookClientConfig().WithCABundle(w.CABundle...)
}
