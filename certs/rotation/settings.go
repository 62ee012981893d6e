package rotation

import (
	"errors"
	"fmt"
	"time"
)

// Settings are the times by which certificates are issued and replaced.
type Settings struct {
	// CALifetime and LeafLifetime are the validity of a CA and of a serving certificate. Both are replaced when two
	// thirds of it are over. A CA must live at least as long as a serving certificate.
	CALifetime, LeafLifetime time.Duration

	// Propagation bounds the time until a change of a caBundle has reached all API servers, and a change of the
	// Secret all serving Pods. The kubelet is the slowest: its sync period, a minute by default, plus the age of
	// its copy of the Secret. It must be at most a twelfth of LeafLifetime.
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
	// The last third of a certificate's life is left to replace it: two waits, each of which may begin one bound
	// late and be seen to end one bound late.
	if s.LeafLifetime/12 < s.Propagation {
		mistakes = append(mistakes, fmt.Errorf("--leaf-lifetime %s: must be at least twelve times --propagation, %s", s.LeafLifetime, 12*s.Propagation))
	}
	if s.CALifetime < s.LeafLifetime {
		mistakes = append(mistakes, fmt.Errorf("--ca-lifetime %s: must not be shorter than --leaf-lifetime %s", s.CALifetime, s.LeafLifetime))
	}
	return errors.Join(mistakes...)
}

// CheckInterval returns an error if the interval between two looks at the cluster is too long: after a gap longer
// than the propagation bound every authority counts as new, see History.
func (s Settings) CheckInterval(interval time.Duration) error {
	if interval <= 0 || interval > s.Propagation/2 {
		return fmt.Errorf("--interval %s: must be positive and at most half of --propagation, %s", interval, s.Propagation/2)
	}
	return nil
}

// maxSkew bounds the difference between the clocks of the issuer and of an API server: half of Backdating.
const maxSkew = Backdating / 2

// CheckClocks returns a *SkewError if two clocks are too far apart to issue a certificate by either: an API server
// could refuse a certificate that the issuer takes for valid.
func CheckClocks(issuer, apiServer time.Time) error {
	if issuer.Sub(apiServer).Abs() <= maxSkew {
		return nil
	}
	return &SkewError{Issuer: issuer, APIServer: apiServer}
}

// SkewError holds the readings of two clocks that are too far apart.
type SkewError struct{ Issuer, APIServer time.Time }

func (e *SkewError) Error() string {
	skew, ahead := e.Issuer.Sub(e.APIServer), "ahead of"
	if skew < 0 {
		ahead = "behind"
	}
	return fmt.Sprintf("the issuer's clock is %s %s the API server's (%s and %s): nothing is issued or replaced until they agree; set the clock that is wrong",
		skew.Abs().Round(time.Second), ahead, e.Issuer.UTC().Format(time.RFC3339), e.APIServer.UTC().Format(time.RFC3339))
}
