package rotation

import (
	"errors"
	"fmt"
	"time"
)

// Settings are the times by which certificates are issued and replaced.
type Settings struct {
	// CALifetime and LeafLifetime are for how long a CA and a serving certificate are valid.
	// Both are replaced when two thirds of that are over.
	CALifetime, LeafLifetime time.Duration

	// Propagation bounds how long a change takes to reach everyone: a caBundle all API servers,
	// the Secret all serving Pods. It is the kubelet's sync period, a minute by default, and the
	// time that its copy of the Secret may be old; an API server's watch is faster.
	Propagation time.Duration
}

// Defaults are the settings for a cluster whose kubelets and API servers are configured as they come.
func Defaults() Settings {
	const day = 24 * time.Hour
	return Settings{CALifetime: 2 * 365 * day, LeafLifetime: 30 * day, Propagation: 5 * time.Minute}
}

// Validate reports every mistake, named by the flags that set the times.
func (s Settings) Validate() error {
	var mistakes []error
	if s.Propagation <= 0 {
		mistakes = append(mistakes, fmt.Errorf("--propagation %s: must be positive", s.Propagation))
	}
	// The last third of a life is what is left to replace a certificate: two waits, each of which
	// may begin and be seen to end as much later.
	if s.LeafLifetime/12 < s.Propagation {
		mistakes = append(mistakes, fmt.Errorf("--leaf-lifetime %s: must be at least twelve times --propagation, %s", s.LeafLifetime, 12*s.Propagation))
	}
	if s.CALifetime < s.LeafLifetime {
		mistakes = append(mistakes, fmt.Errorf("--ca-lifetime %s: must not be shorter than --leaf-lifetime %s", s.CALifetime, s.LeafLifetime))
	}
	return errors.Join(mistakes...)
}

// CheckInterval reports an interval between two looks at the cluster that is too long: what was not seen for
// longer than the propagation bound counts as new, see History.
func (s Settings) CheckInterval(interval time.Duration) error {
	if interval <= 0 || interval > s.Propagation/2 {
		return fmt.Errorf("--interval %s: must be positive and at most half of --propagation, %s", interval, s.Propagation/2)
	}
	return nil
}

// MaxSkew is how far the clocks of the issuer and of an API server may be apart: half of what
// certificates are backdated.
const MaxSkew = Backdating / 2

// CheckClocks reports, as a *SkewError, whether two clocks are too far apart to issue anything by either: what
// the one takes for valid, the other would refuse.
func CheckClocks(issuer, apiServer time.Time) error {
	if issuer.Sub(apiServer).Abs() <= MaxSkew {
		return nil
	}
	return &SkewError{Issuer: issuer, APIServer: apiServer}
}

// SkewError is what two clocks show that are too far apart.
type SkewError struct{ Issuer, APIServer time.Time }

func (e *SkewError) Error() string {
	skew, ahead := e.Issuer.Sub(e.APIServer), "ahead of"
	if skew < 0 {
		ahead = "behind"
	}
	return fmt.Sprintf("the issuer's clock is %s %s the API server's (%s and %s): nothing is issued or replaced until they agree; set the clock that is wrong",
		skew.Abs().Round(time.Second), ahead, e.Issuer.UTC().Format(time.RFC3339), e.APIServer.UTC().Format(time.RFC3339))
}
