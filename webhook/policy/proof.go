package policy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// The gateway, not the provisioner, chooses a sandbox's id: the first hex digits of SHA-256 of
// "{user}:{thread}". An id of 16 digits or more therefore shows which user and thread the
// gateway meant. A plain hash can be computed by whoever knows the ids, so that it catches
// mistakes, not malice; an HMAC under a key that only the gateway and Userscope have cannot be.

// Proof says which identities a sandbox id must prove.
type Proof string

// The settings of a policy's proof.
const (
	// ProofAdopted believes a declared identity, unless a sandbox id of 16 digits or more
	// contradicts it, and wants an adopted one proved.
	ProofAdopted Proof = "Adopted"
	// ProofAlways wants every identity proved.
	ProofAlways Proof = "Always"
	// ProofNever believes every identity.
	ProofNever Proof = "Never"
)

// The number of hex digits that a proof may have: fewer than 16 are guessed too easily, and a
// label value has 63 characters at the most.
const (
	MinProofDigits = 16
	MaxProofDigits = 63
)

// Key is a secret that the gateway and Userscope share. It prints as "[key]" in every format.
type Key []byte

// Format keeps the key out of every message and log.
func (Key) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte("[key]")) }

// MarshalText keeps the key out of JSON.
func (Key) MarshalText() ([]byte, error) { return []byte("[key]"), nil }

// SandboxID returns the hex digits of which a proof of the identity is a prefix: of SHA-256, or of
// HMAC-SHA256 (RFC 2104) where there is a key.
func SandboxID(id Identity, key Key) string {
	digest := sha256.New()
	if key != nil {
		digest = hmac.New(sha256.New, key)
	}
	digest.Write([]byte(id.User + ":" + id.Thread))
	return hex.EncodeToString(digest.Sum(nil))
}

// Proves reports whether a sandbox id proves the identity, under any key where there are some.
// The comparison takes the same time for every id of one length.
func (p *Policy) Proves(sandboxID string, id Identity) bool {
	if !CanProve(sandboxID) {
		return false
	}
	matches := func(key Key) bool {
		return hmac.Equal([]byte(SandboxID(id, key)[:len(sandboxID)]), []byte(sandboxID))
	}
	if len(p.Keys) == 0 {
		return matches(nil)
	}
	return slices.ContainsFunc(p.Keys, matches)
}

// Believes reports whether an identity from the source needs no proof beside the sandbox id. One of
// 16 hex digits or more that does not prove it contradicts it.
func (p *Policy) Believes(sandboxID string, source Source) bool {
	if p.Proof == ProofAlways {
		return false
	}
	if p.Proof == ProofNever && source != SourceDefault {
		return true
	}
	contradicted := len(sandboxID) >= MinProofDigits && isHex(strings.ToLower(sandboxID))
	return source != SourceSubPath && !contradicted
}

// CanProve reports whether a sandbox id has the form of a proof.
func CanProve(sandboxID string) bool {
	return MinProofDigits <= len(sandboxID) && len(sandboxID) <= MaxProofDigits && isHex(sandboxID)
}

// isHex reports whether s consists of lower-case hex digits.
func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}
