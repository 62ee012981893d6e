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
// "{user}:{thread}", or of another text that the policy names. An id of 16 digits or more therefore shows which user and thread the
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

// SandboxID returns the hex digits of which a proof is a prefix: of SHA-256 of the text of an identity, or of its
// HMAC-SHA256 (RFC 2104) where there is a key.
func SandboxID(text string, key Key) string {
	digest := sha256.New()
	if key != nil {
		digest = hmac.New(sha256.New, key)
	}
	digest.Write([]byte(text))
	return hex.EncodeToString(digest.Sum(nil))
}

// ProofTexts returns the texts of an identity of which one policy or another takes the hash for a proof.
// Policies without threads prove the user of a Pod that names no thread.
func (p Policies) ProofTexts(id Identity) []string {
	var texts []string
	for _, policy := range p {
		for _, template := range policy.ProofOf {
			if text, ok := template.Of(id); ok && !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
		}
	}
	return texts
}

// Proves reports whether a sandbox id proves the identity, under any key where there are some. The policies meet,
// and so agree on keys. The comparison takes the same time for every id of one length.
func (p Policies) Proves(sandboxID string, id Identity) bool {
	if !CanProve(sandboxID) {
		return false
	}
	keys := p[0].Keys
	if len(keys) == 0 {
		keys = []Key{nil}
	}
	return slices.ContainsFunc(p.ProofTexts(id), func(text string) bool {
		return slices.ContainsFunc(keys, func(key Key) bool {
			return hmac.Equal([]byte(SandboxID(text, key)[:len(sandboxID)]), []byte(sandboxID))
		})
	})
}

// Believes reports whether an identity needs no proof beside the sandbox id. One of 16 hex digits or more that
// does not prove it contradicts it; the default user is contradicted also by an older gateway's id of another's.
func (p Policies) Believes(sandboxID string, id Identity) bool {
	switch {
	case p[0].Proof == ProofAlways:
		return false
	case p[0].Proof == ProofNever && id.Source != SourceDefault:
		return true
	case id.Source == SourceDefault && IsShortID(sandboxID) && p.ShortIDOf(sandboxID, id) == "":
		return false
	}
	contradicted := len(sandboxID) >= MinProofDigits && isHex(strings.ToLower(sandboxID))
	return id.Source != SourceSubPath && !contradicted
}

// shortDigits is how many digits ids had that gateways minted before 2026-07-25.
const shortDigits = 8

// IsShortID reports whether a sandbox id is one of 8 hex digits, as DeerFlow's gateways minted before 2026-07-25.
func IsShortID(sandboxID string) bool { return len(sandboxID) == shortDigits && isHex(sandboxID) }

// ShortID is what an id of 8 digits is made of.
type ShortID string

// What gateways made ids of 8 digits of: user and thread, the thread alone (to 2026-06-22), or nothing, where the
// id is the thread at once.
const (
	OfIdentity ShortID = "identity"
	OfThread   ShortID = "thread"
	IsThread   ShortID = "random"
)

// ShortIDOf tells how an id of 8 digits was minted for an identity; it is empty if the id is another's. An id that
// is the thread may be any text.
func (p Policies) ShortIDOf(sandboxID string, id Identity) ShortID {
	minted := func(text string) bool { return sandboxID == SandboxID(text, nil)[:shortDigits] }
	switch {
	case sandboxID != "" && sandboxID == id.Thread:
		return IsThread
	case !IsShortID(sandboxID):
		return ""
	case slices.ContainsFunc(p.ProofTexts(id), minted):
		return OfIdentity
	case minted(id.Thread):
		return OfThread
	default:
		return ""
	}
}

// CanProve reports whether a sandbox id has the form of a proof.
func CanProve(sandboxID string) bool {
	return MinProofDigits <= len(sandboxID) && len(sandboxID) <= MaxProofDigits && isHex(sandboxID)
}

// isHex reports whether s consists of lower-case hex digits.
func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}
