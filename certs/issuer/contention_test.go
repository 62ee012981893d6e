package issuer

import (
	"fmt"
	"testing"
	"time"

	"userscope.dev/userscope/certs/rotation"
)

const (
	overwritten = "the Secret or a caBundle was found changed at least 5 times, with less than 5m0s between: " +
		"something else keeps writing it, see kubectl get -o yaml --show-managed-fields"
	rivalWrites = "something else keeps writing the Secret or a configuration, see kubectl get -o yaml --show-managed-fields"
	noRest      = "the certificates have not come to rest in 30m0s: " + rivalWrites
)

// notCome is the error about an event that is overdue.
func notCome(what string) string {
	return fmt.Sprintf("%s, and that has not come in 15m0s: %s", what, rivalWrites)
}

// pass is a pass of an issuer, and the error that it should end with. It writes, or breaks, or waits.
type pass struct {
	at     time.Duration
	writes bool
	breaks bool
	waits  string
	want   string
}

func TestContention(t *testing.T) {
	const minute = time.Minute
	for _, test := range []struct {
		name   string
		passes []pass
	}{
		{"nothing happens", []pass{{at: 0}, {at: minute}}},
		{"writes that go on are a rival's, until there has been a pause", []pass{
			{at: 0, writes: true},
			{at: 0, writes: true},
			{at: 0},
			{at: 4 * minute, writes: true},
			{at: 5 * minute, writes: true},
			{at: 5 * minute},
			{at: 9 * minute, writes: true, want: overwritten},
			{at: 9 * minute, writes: true, want: overwritten},
			{at: 9 * minute, want: overwritten},
			{at: 14*minute - 1, want: overwritten},
			{at: 14 * minute},
			{at: 14 * minute, writes: true},
			{at: 15 * minute, writes: true},
			{at: 16 * minute, writes: true},
			{at: 17 * minute, writes: true},
			{at: 18 * minute, writes: true, want: overwritten},
			{at: 23 * minute, writes: true},
		}},
		{"an event that does not come", []pass{
			{at: minute, waits: "a"},
			{at: 16 * minute, waits: "a"},
			{at: 16*minute + 1, waits: "a", want: notCome("a")},
		}},
		{"one event after another without a rest", []pass{
			{at: minute, waits: "a"},
			{at: 16 * minute, waits: "a"},
			{at: 17 * minute, waits: "b"},
			{at: 31 * minute, waits: "b"},
			{at: 31*minute + 1, waits: "b", want: noRest},
			{at: 32*minute + 1, waits: "b", want: notCome("b")},
			{at: 33 * minute, waits: "a", want: noRest},
			{at: 34 * minute},
			{at: 35 * minute, waits: "b"},
			{at: 50 * minute, waits: "b"},
			{at: 51 * minute, waits: "a"},
			{at: 65 * minute, waits: "a"},
			{at: 66 * minute, waits: "b", want: noRest},
			{at: 90 * minute},
		}},
		{"a write between ends no wait", []pass{
			{at: 0, waits: "a"},
			{at: 10 * minute, writes: true},
			{at: 15*minute + 1, waits: "a", want: notCome("a")},
		}},
		{"a failure ends the wait", []pass{
			{at: 0, waits: "a"},
			{at: 10 * minute, breaks: true},
			{at: 16 * minute, waits: "a"},
			{at: 31 * minute, waits: "a"},
			{at: 31*minute + 1, waits: "a", want: notCome("a")},
		}},
		{"a failure does not end the count of writes", []pass{
			{at: 0, writes: true},
			{at: 0, writes: true},
			{at: 0, writes: true},
			{at: 0, writes: true},
			{at: 0, breaks: true},
			{at: 0, writes: true, want: overwritten},
		}},
		{"a rival that writes is said before an event that does not come", []pass{
			{at: 0, waits: "a"},
			{at: 15 * minute, writes: true},
			{at: 15 * minute, writes: true},
			{at: 15 * minute, writes: true},
			{at: 15 * minute, writes: true},
			{at: 15 * minute, writes: true, want: overwritten},
			{at: 16 * minute, waits: "a", want: overwritten},
			{at: 20 * minute, waits: "a", want: notCome("a")},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := contention{settings: rotation.Defaults()}
			for _, pass := range test.passes {
				var got error
				switch {
				case pass.writes:
					got = c.wrote(pass.at)
				case pass.breaks:
					c.broken()
				default:
					got = c.waiting(pass.waits, pass.at)
				}
				if got == nil && pass.want != "" || got != nil && got.Error() != pass.want {
					t.Errorf("after %s: %v, want %q", pass.at, got, pass.want)
				}
			}
		})
	}
}
