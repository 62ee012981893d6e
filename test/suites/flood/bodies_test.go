//go:build !race

package flood

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"userscope.dev/userscope/test/kit/controlplane"
	"userscope.dev/userscope/webhook/admission"
	"userscope.dev/userscope/webhook/policy"
)

// maxBody is as much as the webhook reads of a body.
const maxBody = 7 << 20

// most is how many values a body may have under the policy of the webhook here, which has the default bounds.
var most = admission.MaxValues(policy.DefaultBounds())

// ordinary is a review of the creation of a sandbox, as API servers send it.
func ordinary() string {
	return review(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"sandbox-1","namespace":"deer-flow",` +
		`"labels":{"app":"deer-flow-sandbox","user-id":"alice","thread-id":"research-7"}},"spec":{"containers":[{"name":"sandbox","image":"none",` +
		`"volumeMounts":[{"name":"user-data","mountPath":"/mnt/user-data","subPath":"deer-flow/users/alice/threads/research-7/user-data"}]}],` +
		`"volumes":[{"name":"user-data","persistentVolumeClaim":{"claimName":"deer-flow-home"}}]}}`)
}

func review(pod string) string {
	return fmt.Sprintf(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002",`+
		`"kind":{"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},"namespace":"deer-flow",`+
		`"operation":"CREATE","userInfo":{"username":%q},"object":%s}}`, controlplane.Provisioner, pod)
}

// pod is a Pod of the claim with a spec that holds something more.
func pod(more string) string {
	return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{"user-id":"alice","thread-id":"t"}},"spec":{` +
		`"volumes":[{"name":"user-data","persistentVolumeClaim":{"claimName":"deer-flow-home"}}],` + more + `}}`
}

// Bodies that cost more than their share, each in its own way.
var hostileBodies = map[string]string{
	"a MiB of tiny containers":        review(pod(`"containers":[` + repeat("{}", 1<<20/3) + `]`)),
	"as large as may be, tiny values": review(pod(`"containers":[` + repeat("{}", (maxBody-1<<10)/3) + `]`)),
	"tiny values of no field":         review(pod(`"x":[` + repeat("0", (maxBody-1<<10)/2) + `]`)),
	"as many containers as may be":    review(pod(`"containers":[` + repeat(`{"name":"a"}`, most/2-50) + `]`)),
	"as many mounts as may be": review(pod(`"containers":[{"name":"a","volumeMounts":[` +
		repeat(`{"name":"user-data","mountPath":"/m","subPath":"x"}`, most/4-50) + `]}]`)),
	"one long name":                 review(pod(`"containers":[{"name":"` + strings.Repeat("x", maxBody-1<<10) + `"}]`)),
	"a long name that is repeated":  review(pod(`"containers":[{"name":"` + strings.Repeat("x", 3<<20) + `","securityContext":{"privileged":true}},{"name":"` + strings.Repeat("y", 3<<20) + `"}]`)),
	"one string of escapes":         review(pod(`"containers":[{"name":"` + strings.Repeat(`\u0001`, 1<<20) + `"}]`)),
	"brackets within brackets":      review(pod(`"x":` + strings.Repeat("[", 1<<20))),
	"many fields that nobody knows": review(pod(`"containers":[{"name":"a"}],"volumes":[{"name":"v",` + strings.TrimSuffix(strings.Repeat(`"a-field":{},`, most-100), ",") + `}]`)),
	"an ordinary one":               ordinary(),
}

// repeat is a list of so many times the same.
func repeat(element string, n int) string { return strings.Repeat(element+",", n-1) + element }

// The hostile bodies are what their names say: within what is read, and those that may be decoded within the
// limit of values.
func TestHostileBodies(t *testing.T) {
	for name, body := range hostileBodies {
		if len(body) > maxBody {
			t.Errorf("%s: %d bytes", name, len(body))
		}
		if name == "brackets within brackets" {
			continue
		}
		var decoded any
		if err := json.Unmarshal([]byte(body), &decoded); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		values := count(decoded)
		if strings.HasPrefix(name, "as many") && (values > most || values < most*9/10) {
			t.Errorf("%s: %d values, and %d may be", name, values, most)
		}
		if strings.Contains(name, "tiny") && values < 5*most {
			t.Errorf("%s: only %d values", name, values)
		}
	}
}

// count counts the values of decoded JSON.
func count(value any) int {
	total := 1
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			total += count(element)
		}
	case map[string]any:
		for _, member := range value {
			total += count(member)
		}
	}
	return total
}
