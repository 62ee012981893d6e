package admission

import (
	"errors"
	"fmt"
	"time"

	"userscope.dev/userscope/webhook/policy"
)

// maxBody is as much as controller-runtime accepts: more than twice what etcd stores of an object
// with its old self, and a bound on the memory that a stranger can take.
const maxBody = 7 << 20

// Limits bound what requests may take of the process together. They are named by the flags that set them.
type Limits struct {
	// Values is how many JSON values a body may have: each becomes a Go value of up to a few
	// hundred bytes, however short its text is. 0 is as many as MaxValues says of the policies in force.
	Values int
	// Bytes is how many bytes of bodies all requests may hold together.
	Bytes int64
	// Decodes is how many bodies are decoded and judged at once.
	Decodes int
	// Wait is how long a body may wait for its turn to be decoded.
	Wait time.Duration
}

// DefaultLimits fit, with bounds as policies have them by default, into the 256 MiB of memory that the chart gives a
// replica.
func DefaultLimits() Limits {
	return Limits{Bytes: 24 << 20, Decodes: 2, Wait: 4 * time.Second}
}

// The JSON values that API servers send of a Pod. What is bounded has so many fields, most of them left out in most
// Pods, and of each managedFields may say that its manager owns it (KEP-555), in as many values again and one for
// the element.
const (
	valuesOfPod         = 1000 // metadata, status and all that is in the spec once, and the review around it
	valuesOfVolume      = 16
	valuesOfMount       = 12
	valuesOfContainer   = 200
	valuesOfEnvironment = 14
)

// MaxValues is how many JSON values a body may have where some policy has each of these bounds: as a review of
// an update has them of two Pods that are full up to the bounds.
func MaxValues(bounds policy.Bounds) int {
	return 2 * (valuesOfPod + valuesOfVolume*bounds.Volumes + valuesOfMount*bounds.Mounts +
		valuesOfContainer*bounds.Containers + valuesOfEnvironment*bounds.Environment)
}

// maxValues is how many JSON values a body may have now.
func (l Limits) maxValues(policies func() policy.Policies) int {
	if l.Values > 0 {
		return l.Values
	}
	most := MaxValues(policy.Bounds{})
	for _, p := range policies() {
		most = max(most, MaxValues(p.Bounds))
	}
	return most
}

// Validate reports every mistake in the limits.
func (l Limits) Validate() error {
	var mistakes []error
	if l.Values < 0 {
		mistakes = append(mistakes, fmt.Errorf("--max-json-values %d: must not be negative", l.Values))
	}
	if l.Decodes < 1 {
		mistakes = append(mistakes, fmt.Errorf("--max-decodes %d: must be positive", l.Decodes))
	}
	// Those that are being decoded hold theirs to their end.
	if least := int64(max(l.Decodes, 1)+1) * (maxBody + 1); l.Bytes < least {
		mistakes = append(mistakes, fmt.Errorf("--max-held-bytes %d: must be at least %d, for the largest body and those that are decoded (--max-decodes %d)",
			l.Bytes, least, l.Decodes))
	}
	if l.Wait <= 0 {
		mistakes = append(mistakes, fmt.Errorf("--max-wait %s: must be positive", l.Wait))
	}
	return errors.Join(mistakes...)
}
