package random

import (
	"strings"

	"pgregory.net/rapid"

	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/oracle"
)

// Undone returns a generator of Pods as somebody who comes after the decision makes them: as it
// leaves them, or as it refuses them, with more done to them, and with the stamps as they should
// be.
func Undone(installations []differential.Installation) *rapid.Generator[*Sample] {
	return rapid.Custom(func(t *rapid.T) *Sample {
		d := &drawing{t: t, Sample: Stored(installations).Draw(t, "decided Pod"), names: 100}
		d.Good = false
		for range of(d, 0, 1, 1, 1, 2) {
			d.apply(of(d, harmful...))
		}
		if d.chance(95) {
			d.stamp()
		}
		return d.Sample
	})
}

// The keys by which Userscope records whose a Pod is.
const (
	userStamp   = "userscope.dev/user"
	threadStamp = "userscope.dev/thread"
)

// stamp forges the marker, and the identity where there is none.
func (d *drawing) stamp() {
	var names []string
	for _, policy := range oracle.Governed(d.In.Oracle, d.Request, d.Pod) {
		names = append(names, policy.Name)
	}
	if len(names) == 0 {
		return
	}
	d.annotations()["userscope.dev/policies"] = strings.Join(names, ",")
	for _, half := range []struct{ stamp, key, id string }{
		{userStamp, d.Policy.Identity.UserKey, d.User},
		{threadStamp, d.Policy.Identity.ThreadKey, d.Thread},
	} {
		if label, ok := d.labels()[half.key].(string); ok {
			half.id = label
		}
		if _, there := d.annotations()[half.stamp]; !there && half.id != "" {
			d.annotations()[half.stamp] = half.id
		}
	}
}
