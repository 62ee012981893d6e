package differential

import (
	"fmt"

	"userscope.dev/userscope/webhook/scope"
)

// Outcome is what became of a request, and everything that is wrong with it.
type Outcome struct {
	Decision scope.Decision
	// Final is the Pod with the edits made; nil for one that is not created.
	Final    []byte
	Problems []string
}

// problem records what is wrong.
func (o *Outcome) problem(format string, args ...any) {
	o.Problems = append(o.Problems, fmt.Sprintf(format, args...))
}
