package random

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"userscope.dev/userscope/test/pods/differential"
	"userscope.dev/userscope/test/pods/oracle"
)

// object is a JSON object.
type object = map[string]any

// Sample is a request to create a Pod, and what is known about it.
type Sample struct {
	// In is the installation that judges it, Request who asks, and where.
	In      differential.Installation
	Request oracle.Request
	Pod     map[string]any

	// Policy is the one whose sandbox the Pod is made after; User and Thread are whose.
	Policy       oracle.Policy
	User, Thread string

	// Good tells that the design has the Pod pass.
	Good bool

	// Story names what was done to it.
	Story []string
}

// Raw returns the Pod as JSON.
func (s *Sample) Raw() []byte {
	raw, err := json.Marshal(s.Pod)
	if err != nil {
		panic(err)
	}
	return raw
}

// Replace puts another Pod in the place of the sample's.
func (s *Sample) Replace(raw []byte) error {
	s.Pod = nil
	return json.Unmarshal(raw, &s.Pod)
}

// String shows the sample to whoever has to find out what is wrong with it.
func (s *Sample) String() string {
	raw, err := json.MarshalIndent(s.Pod, "", "  ")
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%s: %+v: %s\n%s", s.In.Name, s.Request, strings.Join(s.Story, ", "), raw)
}

// drawing makes a sample by rapid's choices.
type drawing struct {
	*Sample
	t *rapid.T
	// names counts the volumes and containers that were named.
	names int
	// tidy has the Pod come with nothing to put right.
	tidy bool
}

// of draws one of several values.
func of[T any](d *drawing, values ...T) T {
	return values[rapid.IntRange(0, len(values)-1).Draw(d.t, "choice")]
}

// chance is true in so many percent of the draws.
func (d *drawing) chance(percent int) bool {
	return rapid.IntRange(0, 99).Draw(d.t, "percent") < percent
}

// name returns a name that nothing else in the Pod has.
func (d *drawing) name(kind string) string {
	d.names++
	return fmt.Sprintf("%s-%d", kind, d.names)
}

// kinds are what a Pod may begin as, each as often as it is listed.
var kinds = []func(*drawing){
	sandbox, sandbox, sandbox, sandbox, sandbox, sandbox, sandbox, sandbox,
	adopted, adopted, adopted, defaulted, defaulted, misspelled, misspelled, idle, bystander, bystander, bystander, gateway, gateway, thief,
}

// Creations returns a generator of requests to create Pods: realistic ones, of which most had
// something done to them that may matter or not.
func Creations(installations []differential.Installation) *rapid.Generator[*Sample] {
	return rapid.Custom(func(t *rapid.T) *Sample {
		in := installations[rapid.IntRange(0, len(installations)-1).Draw(t, "installation")]
		d := &drawing{t: t, Sample: &Sample{In: in, Good: true}}
		d.Policy = of(d, in.Oracle...)
		d.tidy = d.chance(30)
		of(d, kinds...)(d)
		for range rapid.IntRange(0, 3).Draw(t, "harmless changes") {
			d.apply(of(d, harmless...))
		}
		for range of(d, 0, 0, 1, 1, 1, 2, 2, 3, 4) {
			d.Good = false
			d.apply(of(d, slices.Concat(harmful, confused)...))
		}
		return d.Sample
	})
}

// mutation is something done to a Pod.
type mutation struct {
	name string
	do   func(*drawing)
}

func (d *drawing) apply(m mutation) {
	d.Story = append(d.Story, m.name)
	m.do(d)
}

// at returns the object at a path of keys, which is made where it is missing.
func at(o object, keys ...string) object {
	for _, key := range keys {
		next, ok := o[key].(object)
		if !ok {
			next = object{}
			o[key] = next
		}
		o = next
	}
	return o
}

func (d *drawing) spec() object        { return at(d.Pod, "spec") }
func (d *drawing) labels() object      { return at(d.Pod, "metadata", "labels") }
func (d *drawing) annotations() object { return at(d.Pod, "metadata", "annotations") }

// present reports whether an object has a member.
func present(o object, key string) bool {
	_, ok := o[key]
	return ok
}

// list returns the objects of a list.
func list(o object, key string) []object {
	entries, _ := o[key].([]any)
	found := make([]object, 0, len(entries))
	for _, entry := range entries {
		if member, ok := entry.(object); ok {
			found = append(found, member)
		}
	}
	return found
}

// add appends to a list.
func add(o object, key string, entry any) {
	entries, _ := o[key].([]any)
	o[key] = append(entries, entry)
}

// containers returns the containers of the lists.
func (d *drawing) containers(lists ...string) []object {
	var found []object
	for _, key := range lists {
		found = append(found, list(d.spec(), key)...)
	}
	return found
}

// container draws a container of those that last. A Pod without any gets one.
func (d *drawing) container() object {
	all := d.containers("initContainers", "containers")
	if len(all) == 0 {
		c := object{"name": d.name("container"), "image": "image"}
		add(d.spec(), "containers", c)
		return c
	}
	return of(d, all...)
}

// volume adds a volume and returns its name.
func (d *drawing) volume(kind string, source any) string {
	name := d.name("volume")
	add(d.spec(), "volumes", object{"name": name, kind: source})
	return name
}

// anyVolume draws the name of one of the Pod's volumes, or of none.
func (d *drawing) anyVolume() string {
	names := []string{"none"}
	for _, volume := range list(d.spec(), "volumes") {
		name, _ := volume["name"].(string)
		names = append(names, name)
	}
	return of(d, names...)
}

// mount adds a mount to some container.
func (d *drawing) mount(volume string, fields object) {
	mount := object{"name": volume, "mountPath": "/" + d.name("path")}
	for key, value := range fields {
		mount[key] = value
	}
	add(d.container(), "volumeMounts", mount)
}

// mounts returns the mounts of the Pod's containers, of those volumes that the filter likes.
func (d *drawing) mounts(likes func(volume object) bool) []object {
	names := map[any]bool{}
	for _, volume := range list(d.spec(), "volumes") {
		if likes(volume) {
			names[volume["name"]] = true
		}
	}
	var found []object
	for _, c := range d.containers("initContainers", "containers") {
		for _, mount := range list(c, "volumeMounts") {
			if names[mount["name"]] {
				found = append(found, mount)
			}
		}
	}
	return found
}

// isClaim reports whether a volume is the policy's claim.
func (d *drawing) isClaim(volume object) bool {
	source, _ := volume["persistentVolumeClaim"].(object)
	return source["claimName"] == d.Policy.Claim
}

// claimMount draws a mount of the claim. A Pod without any gets one.
func (d *drawing) claimMount() object {
	if found := d.mounts(d.isClaim); len(found) > 0 {
		return of(d, found...)
	}
	d.mount(d.volume("persistentVolumeClaim", object{"claimName": d.Policy.Claim}), nil)
	all := d.mounts(d.isClaim)
	return all[len(all)-1]
}
