package podjson

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/json"
)

// The decoder of quantities, such as cpu: 100m, takes time that grows with the value of an exponent,
// and faster than the number of digits: an exponent of many digits keeps it busy for hours. No API
// server gets as far as to send one. Whoever reaches the webhook's port without an API server shall
// not make it stand still. Three digits of an exponent are refused, which it still reads at once.

// monstrous is a number that has more digits, or more digits in its exponent, than any quantity has.
var monstrous = regexp.MustCompile(`^[+-]?[0-9.]+[eE][+-]?[0-9]{3}[0-9]*$|^[+-]?[0-9.]{100}`)

// checkQuantities tells which quantity in the JSON of a Pod is a monstrous number. Elsewhere such
// numbers are harmless, and not even rare: an id of hex digits may look like one.
func checkQuantities(raw []byte) error {
	if !hasMonster(raw) {
		return nil
	}
	var content any
	switch repeated, err := json.UnmarshalStrict(raw, &content); {
	case err != nil:
		return nil //nolint:nilerr // the decoder of the whole Pod will say it
	case len(repeated) > 0:
		return errors.Join(repeated...) // the first of two may be the monster
	}
	decoder := stdjson.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber() // as it is written
	if err := decoder.Decode(&content); err != nil {
		return err
	}
	return checkQuantitiesIn(reflect.TypeFor[corev1.Pod](), content, nil)
}

// checkQuantitiesIn looks at all that is a quantity in a value of the type.
func checkQuantitiesIn(kind reflect.Type, value any, at Location) error {
	switch {
	case kind == reflect.TypeFor[resource.Quantity]():
		if text := fmt.Sprint(value); monstrous.MatchString(strings.TrimSpace(text)) {
			return fmt.Errorf("%s: %s has more digits than any quantity", at, Quote(text))
		}
		return nil
	case kind.Kind() == reflect.Pointer:
		return checkQuantitiesIn(kind.Elem(), value, at)
	}
	switch value := value.(type) {
	case []any:
		if kind.Kind() != reflect.Slice {
			return nil
		}
		for i, entry := range value {
			if err := checkQuantitiesIn(kind.Elem(), entry, at.Child(i)); err != nil {
				return err
			}
		}
	case map[string]any:
		return checkQuantitiesOf(kind, value, at)
	}
	return nil
}

// checkQuantitiesOf looks at the members of an object.
func checkQuantitiesOf(kind reflect.Type, object map[string]any, at Location) error {
	if kind.Kind() == reflect.Map {
		for key, member := range object {
			if err := checkQuantitiesIn(kind.Elem(), member, at.Child(MapKey(key))); err != nil {
				return err
			}
		}
		return nil
	}
	if kind.Kind() != reflect.Struct {
		return nil
	}
	for i := range kind.NumField() {
		field := kind.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		member, ok := object[name]
		below := at.Child(name)
		if name == "" && field.Anonymous { // its members are the object's own
			member, ok, below = object, true, at
		}
		if ok {
			if err := checkQuantitiesIn(field.Type, member, below); err != nil {
				return err
			}
		}
	}
	return nil
}

// hasMonster reports whether some number in JSON, or some string that is one, is monstrous. The
// decoder of quantities takes a string as it is written, escapes and all.
func hasMonster(raw []byte) bool {
	for {
		start := bytes.IndexAny(raw, `"-0123456789`)
		if start < 0 {
			return false
		}
		var token []byte
		token, raw = cutToken(raw[start:])
		token = bytes.TrimSpace(token)
		if len(token) > 0 && bytes.IndexByte([]byte("+-.0123456789"), token[0]) >= 0 && monstrous.Match(token) {
			return true
		}
	}
}

// cutToken cuts the string or the number with which raw begins from what follows it.
func cutToken(raw []byte) (token, rest []byte) {
	if raw[0] != '"' {
		rest = bytes.TrimLeft(raw, "+-.0123456789eE")
		return raw[:len(raw)-len(rest)], rest
	}
	for i := 1; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return raw[1:i], raw[i+1:]
		}
	}
	return raw[1:], nil
}
