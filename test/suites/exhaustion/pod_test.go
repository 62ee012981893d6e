package exhaustion

import (
	"strings"

	"userscope.dev/userscope/test/pods/oracle"
)

// places returns the lists of letters, the first in which the Pods differ fastest.
func (a alphabet) places() [][]letter {
	return [][]letter{a.creators, a.metadata, a.names, a.sources, a.positions, a.paths, a.parts, a.seconds}
}

// count is how many Pods can be written.
func (a alphabet) count() int {
	product := 1
	for _, letters := range a.places() {
		product *= len(letters)
	}
	return product
}

// written is one of the Pods.
type written struct {
	request oracle.Request
	raw     []byte
	// good tells that it must pass.
	good bool
}

// pod writes one of the Pods, unless it is left out.
func (a alphabet) pod(number int) (written, bool) {
	texts := make([]string, 0, 8)
	fitsAll, fitsAllButOne := every, every
	for _, letters := range a.places() {
		chosen := letters[number%len(letters)]
		number /= len(letters)
		texts = append(texts, chosen.text)
		fitsAllButOne = fitsAllButOne&chosen.fits | fitsAll
		fitsAll &= chosen.fits
	}
	if a.near && fitsAllButOne == 0 {
		return written{}, false
	}
	creator, metadata, name, source, position, path, part := texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], texts[6]
	volume, use, _ := strings.Cut(texts[7], " | ")
	if use != "" {
		use = ", " + use
	}
	containers := strings.NewReplacer(
		"FIRST", `{"name": "first", "volumeMounts": [{"name": "`+name+`", `+path+part+`}]}`,
		"SECOND", `{"name": "second"`+use+`}`,
	).Replace(position)
	return written{
		request: oracle.Request{Namespace: "deer-flow", Username: creator, Groups: []string{"system:serviceaccounts"}},
		raw: []byte(`{"apiVersion": "v1", "kind": "Pod", "metadata": ` + metadata +
			`, "spec": {"volumes": [{"name": "` + name + `", ` + source + `}` + volume + `], ` + containers + `}}`),
		good: fitsAll != 0,
	}, true
}
