package issuer

import (
	"fmt"
	"time"

	"userscope.dev/userscope/certs/rotation"
)

// contention finds out that a rival keeps writing the Secret or a caBundle. All its times are of the issuer's own
// clock, since the process began.
type contention struct {
	settings rotation.Settings

	// writes counts the passes that wrote, or lost to another writer. A pause of the propagation bound between two
	// of them begins the count anew. lastWrite is the time of the last.
	writes    int
	lastWrite time.Duration
	wait      wait
}

// wait is the issuer's current wait.
type wait struct {
	// what names the awaited event; empty while the issuer waits for nothing.
	what string
	// since is the begin of this wait, and always the begin of all waits without a rest between them.
	since, always time.Duration
}

// maxWrites bounds the passes that write without a pause: a CA with its certificate, both caBundles, and as many
// again for coincidences.
const maxWrites = 5

// maxWaits bounds one wait, in units of the propagation bound. A certificate that is due then still has some of
// its life left, see Settings.Validate.
const maxWaits = 3

// maxRotations bounds continuous waiting, in units of maxWaits × propagation bound. One rotation waits twice.
const maxRotations = 2

// whoWrites tells a person how to find the rival.
const whoWrites = "see kubectl get -o yaml --show-managed-fields"

// wrote notes a pass that wrote, or lost to another writer. It returns an error if there were too many of them.
func (c *contention) wrote(at time.Duration) error {
	if c.paused(at) {
		c.writes = 0
	}
	c.writes, c.lastWrite = c.writes+1, at
	return c.contested(at)
}

// waiting notes a pass that wrote nothing, and the event that the issuer waits for; empty for none. It returns an
// error if a rival writes again and again, or keeps the event from coming.
func (c *contention) waiting(what string, at time.Duration) error {
	if err := c.contested(at); err != nil {
		return err
	}
	return c.overdue(what, at)
}

// broken notes a pass that failed: the wait begins anew once the cause is put right.
func (c *contention) broken() { c.wait = wait{} }

// contested returns an error while a rival writes again and again, until there has been a pause: after each of its
// writes, API servers may have seen it. Competing in speed would only make both busy.
func (c *contention) contested(at time.Duration) error {
	if c.writes < maxWrites || c.paused(at) {
		return nil
	}
	return fmt.Errorf("the Secret or a caBundle was found changed at least %d times, with less than %s between: something else keeps writing it, %s",
		maxWrites, c.settings.Propagation, whoWrites)
}

func (c *contention) paused(at time.Duration) bool { return at-c.lastWrite >= c.settings.Propagation }

// overdue returns an error when the issuer has waited too long. A rival can cause that in two ways: every write
// restarts the current wait, or every finished step is undone before the next, so that CAs pile up.
func (c *contention) overdue(what string, at time.Duration) error {
	switch {
	case what == "":
		c.wait = wait{}
		return nil
	case c.wait.what == "":
		c.wait = wait{what, at, at}
	case c.wait.what != what:
		c.wait.what, c.wait.since = what, at
	}
	const why = "something else keeps writing the Secret or a configuration, " + whoWrites
	bound := maxWaits * c.settings.Propagation
	switch {
	case at-c.wait.since > bound:
		return fmt.Errorf("%s, and that has not come in %s: %s", what, bound, why)
	case at-c.wait.always > maxRotations*bound:
		return fmt.Errorf("the certificates have not come to rest in %s: %s", maxRotations*bound, why)
	}
	return nil
}
