package attack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/dynamic"
	"k8s.io/utils/ptr"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/test/kit/webhookprocess"
	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/test/suites/backstop"
)

// site is a namespace to attack.
type site struct {
	namespace string
}

// The sites are alike but that Userscope judges in the first, and that the backstop alone does in the
// last.
var (
	guarded   = site{controlplane.Namespace}
	unguarded = site{"without-userscope"}
	backed    = site{"with-the-backstop"}
)

// everywhere are the namespaces of all sites.
var everywhere = []string{guarded.namespace, unguarded.namespace, backed.namespace}

// object is a JSON object as the oracle takes it.
type object = map[string]any

// pods returns a client of the site's Pods for one of the users.
func (s site) pods(user string) dynamic.ResourceInterface {
	return clients[user].Resource(corev1.SchemeGroupVersion.WithResource("pods")).Namespace(s.namespace)
}

var lastPod atomic.Int64

// podName returns a name that no Pod has had.
func podName() string { return fmt.Sprintf("pod-%d", lastPod.Add(1)) }

// create creates a Pod and judges what becomes of it.
func (s site) create(t *testing.T, user string, pod object, dryRun bool) outcome {
	t.Helper()
	return s.creation(t, user, pod["metadata"].(object)["name"].(string), dryRun, func() (any, error) {
		return s.pods(user).Create(t.Context(), manifest(t, s.forged(pod)), metav1.CreateOptions{DryRun: dry(dryRun)})
	})
}

// forged is a Pod as an attacker sends it: where nothing but a stamp that is missing would be refused
// otherwise, with stamps.
func (s site) forged(pod object) object {
	if s == backed {
		return marked(pod)
	}
	return pod
}

// creation judges what becomes of the Pod that a request creates, and removes it. The request
// returns the Pod as it is answered.
func (s site) creation(t *testing.T, user, name string, dryRun bool, request func() (any, error)) outcome {
	t.Helper()
	answered, err := request()
	if err != nil {
		if _, err := s.pods(admin).Get(t.Context(), name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("the Pod is refused and stored all the same: %v", err)
		}
		return refusal(t, err)
	}
	sent, final := tidied(received.take(t, s.namespace, name)), tidied(plain(t, answered))
	if !dryRun {
		final = tidied(s.get(t, name))
		s.remove(t, name)
	}
	changed := !reflect.DeepEqual(unstamped(sent), unstamped(final)) || !keepsStamps(sent, final)
	if s != guarded {
		// That nobody stamped the Pod shall not condemn it, nor what the API server drops.
		if len(oracle.Governed(deerFlow, asked(user), final)) > 0 {
			final = marked(final)
		}
		sent = final
	}
	return outcome{changed: changed, findings: oracle.Judge(deerFlow, asked(user), sent, final)}
}

// stored creates a Pod and removes it. It returns the Pod as the webhooks receive it and as it is
// stored.
func (s site) stored(t *testing.T, user string, pod object) (sent, final object) {
	t.Helper()
	created, err := s.pods(user).Create(t.Context(), manifest(t, pod), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.remove(t, created.GetName())
	return tidied(received.take(t, s.namespace, created.GetName())), tidied(s.get(t, created.GetName()))
}

// get reads a Pod as the admin.
func (s site) get(t *testing.T, name string) object {
	t.Helper()
	pod, err := s.pods(admin).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return plain(t, pod)
}

// remove deletes a Pod as the admin.
func (s site) remove(t *testing.T, name string) {
	t.Helper()
	// The test may have ended.
	ctx := context.WithoutCancel(t.Context())
	err := s.pods(admin).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Error(err)
	}
}

// store stores a Pod that is to be attacked later, and removes it in the end. Where Userscope
// does not judge, it gets the marker by hand, so that only what is done to it makes a difference.
func (s site) store(t *testing.T, user string, pod object) (name string) {
	t.Helper()
	if s != guarded && user == provisioner {
		pod = marked(pod)
	}
	stored, err := s.pods(user).Create(t.Context(), manifest(t, pod), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.remove(t, stored.GetName()) })
	return stored.GetName()
}

// refusal says who refused a request, and why. Anything else that can go wrong ends the test.
func refusal(t *testing.T, err error) outcome {
	t.Helper()
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		t.Fatal(err)
	}
	hooked := fmt.Sprintf("admission webhook %q denied the request", webhookprocess.WebhookName)
	switch message := err.Error(); {
	case strings.Contains(message, hooked):
		refused := outcome{refusedBy: "userscope"}
		// A request that is too large to read is refused without causes.
		if details := status.Status().Details; details != nil {
			for _, cause := range details.Causes {
				refused.rules = append(refused.rules, string(cause.Type))
			}
		}
		return refused
	case strings.Contains(message, fmt.Sprintf("failed calling webhook %q: received invalid webhook response", webhookprocess.WebhookName)):
		return outcome{refusedBy: "userscope"}
	case backstop.Refuses(err):
		refused := outcome{refusedBy: "backstop"}
		for _, named := range ruleName.FindAllStringSubmatch(message, -1) {
			refused.rules = append(refused.rules, named[1])
		}
		return refused
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return outcome{refusedBy: byKubernetes}
	default:
		t.Fatalf("neither Userscope nor the API server's validation refuses: %v", err)
		return outcome{}
	}
}

// ruleName finds the rules in a refusal of the backstop, each of which begins a sentence.
var ruleName = regexp.MustCompile(`(?:userscope: |; )([a-z-]+): `)

// asked is what the oracle knows of a request.
func asked(user string) oracle.Request {
	return oracle.Request{Namespace: controlplane.Namespace, Username: user, Groups: groupsOf[user]}
}

// dry are the options of a request that is only tried.
func dry(run bool) []string {
	if run {
		return []string{metav1.DryRunAll}
	}
	return nil
}

// plain is an API object as the oracle takes it.
func plain(t *testing.T, from any) object {
	t.Helper()
	raw, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	pod, err := differential.Object(raw)
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

// manifest is a Pod as the client takes it.
func manifest(t *testing.T, pod object) *unstructured.Unstructured {
	t.Helper()
	raw, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	sent := &unstructured.Unstructured{}
	if err := sent.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	return sent
}

// tidied is a Pod without what the API server writes when it stores it.
func tidied(pod object) object {
	metadata := copied(pod["metadata"])
	for _, key := range []string{"uid", "generation", "resourceVersion", "creationTimestamp", "managedFields"} {
		delete(metadata, key)
	}
	return object{"metadata": metadata, "spec": pod["spec"]}
}

// marker is the annotation of every Pod that Userscope judged.
const marker = "userscope.dev/policies"

// stamps are the keys that Userscope stamps the identity in, by the platform's own.
var stamps = map[string]string{"user-id": "userscope.dev/user", "thread-id": "userscope.dev/thread"}

// marked is a Pod with the marker that Userscope would set, and with what it declares of its identity
// in annotations and in stamps, too.
func marked(pod object) object {
	metadata := copied(pod["metadata"])
	labels, annotations := copied(metadata["labels"]), copied(metadata["annotations"])
	annotations[marker] = "deer-flow"
	for key, stamp := range stamps {
		id, ok := cmp.Or(annotations[key], labels[key]).(string)
		if !ok {
			continue
		}
		annotations[key] = id
		if _, there := annotations[stamp]; !there {
			annotations[stamp] = id
		}
		if _, there := labels[stamp]; !there && len(validation.IsValidLabelValue(id)) == 0 {
			labels[stamp] = id
		}
	}
	metadata["annotations"] = annotations
	if len(labels) > 0 {
		metadata["labels"] = labels
	}
	changed := copied(pod)
	changed["metadata"] = metadata
	return changed
}

// unstamped is a Pod without it, and without the identity that Userscope stamps on it beside.
func unstamped(pod object) object {
	pod = withAnnotations(pod, func(annotations object) {
		delete(annotations, marker)
		for key, stamp := range stamps {
			delete(annotations, key)
			delete(annotations, stamp)
		}
	})
	metadata := copied(pod["metadata"])
	labels := copied(metadata["labels"])
	for key, stamp := range stamps {
		delete(labels, key)
		delete(labels, stamp)
	}
	metadata["labels"] = labels
	pod["metadata"] = metadata
	return pod
}

// keepsStamps reports whether a Pod has the stamps that it was sent with, among others.
func keepsStamps(sent, final object) bool {
	for _, field := range []string{"labels", "annotations"} {
		before, after := copied(copied(sent["metadata"])[field]), copied(copied(final["metadata"])[field])
		for _, stamp := range stamps {
			if id, there := before[stamp]; there && after[stamp] != id {
				return false
			}
		}
	}
	return true
}

// withAnnotations is a Pod with other annotations, and without any if none are left.
func withAnnotations(pod object, change func(object)) object {
	metadata := copied(pod["metadata"])
	annotations := copied(metadata["annotations"])
	change(annotations)
	metadata["annotations"] = annotations
	if len(annotations) == 0 {
		delete(metadata, "annotations")
	}
	changed := copied(pod)
	changed["metadata"] = metadata
	return changed
}

// copied is a copy of an object; empty where there is none.
func copied(from any) object {
	fresh := object{}
	members, _ := from.(object)
	for key, value := range members {
		fresh[key] = value
	}
	return fresh
}
