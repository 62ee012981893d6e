package rotation

import (
	"testing"
	"time"
)

// A certificate is renewed before it counts as expiring, however long it lives: 292 years are the longest
// time.Duration, of which no multiple is to be taken.
func TestAgesOfLongLives(t *testing.T) {
	for _, years := range []int{1, 2, 98, 100, 200, 290} {
		end := epoch.AddDate(years, 0, 0)
		validity := Validity{epoch.Add(-Backdating), end}
		if renew, expiring := validity.RenewAt(), validity.ExpiringAt(); !renew.Before(expiring) || !expiring.Before(end) || renew.Before(epoch) {
			t.Errorf("%d years to %s: renewed at %s, expiring at %s", years, end.Format(time.DateOnly), renew.Format(time.DateOnly), expiring.Format(time.DateOnly))
		}
	}
}
