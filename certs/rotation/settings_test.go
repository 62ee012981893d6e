package rotation_test

import (
	"testing"
	"time"

	"userscope.dev/userscope/certs/rotation"
)

// expect compares an error with what it should say; empty for none.
func expect(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("error\n%s\nwant\n%s", got, want)
	}
}

// The times that users depend on.
func TestDefaults(t *testing.T) {
	if got, want := rotation.Defaults(), (rotation.Settings{CALifetime: 17520 * time.Hour, LeafLifetime: 720 * time.Hour, Propagation: 5 * time.Minute}); got != want {
		t.Errorf("by default %+v, want %+v", got, want)
	}
	expect(t, rotation.Defaults().Validate(), "")
	if rotation.Backdating != time.Hour {
		t.Errorf("certificates are backdated %s", rotation.Backdating)
	}
}

func TestSettingsAreValidated(t *testing.T) {
	tests := []struct {
		name  string
		given rotation.Settings
		want  string
	}{
		{"as short as may be", rotation.Settings{CALifetime: time.Hour, LeafLifetime: time.Hour, Propagation: 5 * time.Minute}, ""},
		{"no propagation", rotation.Settings{CALifetime: hour, LeafLifetime: hour}, "--propagation 0s: must be positive"},
		{"a negative propagation", rotation.Settings{CALifetime: hour, LeafLifetime: hour, Propagation: -time.Second}, "--propagation -1s: must be positive"},
		{"a short certificate", rotation.Settings{CALifetime: hour, LeafLifetime: hour - 1, Propagation: 5 * time.Minute},
			"--leaf-lifetime 59m59.999999999s: must be at least twelve times --propagation, 1h0m0s"},
		{"a short CA", rotation.Settings{CALifetime: hour - 1, LeafLifetime: hour, Propagation: time.Minute},
			"--ca-lifetime 59m59.999999999s: must not be shorter than --leaf-lifetime 1h0m0s"},
		{"nothing", rotation.Settings{}, "--propagation 0s: must be positive"},
		{"several mistakes", rotation.Settings{CALifetime: -hour, LeafLifetime: 0, Propagation: time.Minute},
			"--leaf-lifetime 0s: must be at least twelve times --propagation, 12m0s\n--ca-lifetime -1h0m0s: must not be shorter than --leaf-lifetime 0s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { expect(t, test.given.Validate(), test.want) })
	}
}

func TestCheckInterval(t *testing.T) {
	for interval, want := range map[time.Duration]string{
		10 * time.Second:      "",
		150 * time.Second:     "",
		150*time.Second + 1:   "--interval 2m30.000000001s: must be positive and at most half of --propagation, 2m30s",
		0:                     "--interval 0s: must be positive and at most half of --propagation, 2m30s",
		-1 * time.Millisecond: "--interval -1ms: must be positive and at most half of --propagation, 2m30s",
	} {
		expect(t, settings.CheckInterval(interval), want)
	}
}

func TestCheckClocks(t *testing.T) {
	abroad := time.FixedZone("elsewhere", 2*60*60)
	tests := []struct {
		name              string
		issuer, apiServer time.Time
		want              string
	}{
		{"the same", now, now, ""},
		{"the same in another zone", now, now.In(abroad), ""},
		{"half an hour ahead", now.Add(30 * time.Minute), now, ""},
		{"half an hour behind", now, now.Add(30 * time.Minute), ""},
		{"further ahead", now.Add(30*time.Minute + time.Second), now.In(abroad),
			"the issuer's clock is 30m1s ahead of the API server's (2026-07-01T12:30:01Z and 2026-07-01T12:00:00Z): nothing is issued or replaced until they agree; set the clock that is wrong"},
		{"further behind", now, now.Add(365*day + 400*time.Millisecond),
			"the issuer's clock is 8760h0m0s behind the API server's (2026-07-01T12:00:00Z and 2027-07-01T12:00:00Z): nothing is issued or replaced until they agree; set the clock that is wrong"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { expect(t, rotation.CheckClocks(test.issuer, test.apiServer), test.want) })
	}
}
