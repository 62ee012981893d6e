package admission

import (
	"errors"
	"fmt"
	"time"
)

// maxBody is as much as controller-runtime accepts: more than twice what etcd stores of an object
// with its old self, and a bound on the memory that a stranger can take.
const maxBody = 7 << 20

// Limits bound what requests may take of the process together. They are named by the flags that set them.
type Limits struct {
	// Values is how many JSON values a body may have: each becomes a Go value of up to a few
	// hundred bytes, however short its text is.
	Values int
	// Bytes is how many bytes of bodies all requests may hold together.
	Bytes int64
	// Decodes is how many bodies are decoded and judged at once.
	Decodes int
	// Wait is how long a body may wait for its turn to be decoded.
	Wait time.Duration
}

// DefaultLimits fit into the 256 MiB of memory that the chart gives a replica. A Pod of a sandbox has a few hundred
// values, and API servers send the old one as well, with the fields that each of its managers owns.
func DefaultLimits() Limits {
	return Limits{Values: 20000, Bytes: 32 << 20, Decodes: 2, Wait: 4 * time.Second}
}

// Validate reports every mistake in the limits.
func (l Limits) Validate() error {
	var mistakes []error
	if l.Values < 1 {
		mistakes = append(mistakes, fmt.Errorf("--max-json-values %d: must be positive", l.Values))
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
