package scope

import (
	"bytes"
	"regexp"
)

// The decoder of quantities, such as cpu: 100m, takes time that grows with the value of a negative
// exponent and faster than the number of digits: 1e-2000000000 would keep it busy for hours. No
// API server gets as far as to send one; whoever reaches the webhook's port without an API server
// shall not make it stand still.

// monstrous is a number with an exponent of more digits, or with more digits, than a quantity of
// anything has.
var monstrous = regexp.MustCompile(`^[+-]?[0-9.]+[eE][+-]?[0-9]{4}[0-9]*$|^[+-]?[0-9.]{1000}`)

// monstrousNumber returns a number in JSON, or a string that is one, that is too large for a
// quantity. The decoder of quantities takes a string as it is written, escapes and all.
func monstrousNumber(raw []byte) (number []byte, found bool) {
	for {
		start := bytes.IndexAny(raw, `"-0123456789`)
		if start < 0 {
			return nil, false
		}
		number, raw = cutToken(raw[start:])
		number = bytes.TrimSpace(number)
		if len(number) > 0 && bytes.IndexByte([]byte("+-.0123456789"), number[0]) >= 0 && monstrous.Match(number) {
			return number, true
		}
	}
}

// cutToken cuts the string or the number with which raw begins from what follows it.
func cutToken(raw []byte) (token, rest []byte) {
	if raw[0] != '"' {
		end := bytes.IndexAny(raw, ",]} \t\r\n")
		if end < 0 {
			end = len(raw)
		}
		return raw[:end], raw[end:]
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
