package limits_test

import (
	"testing"
	"testing/synctest"
	"time"

	"userscope.dev/userscope/webhook/limits"
)

func TestSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seldom limits.Seldom
		expect := func(wantOthers int, wantNow bool) {
			t.Helper()
			if others, now := seldom.Now(); others != wantOthers || now != wantNow {
				t.Errorf("%d, %t, want %d, %t", others, now, wantOthers, wantNow)
			}
		}
		expect(0, true)
		expect(0, false)
		expect(0, false)
		<-time.After(time.Second)
		expect(2, true)
		expect(0, false)
	})
}
