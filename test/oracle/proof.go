package oracle

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// proofDigits is what a sandbox id must look like to prove anything, and idDigits what it must
// look like to contradict anything.
var (
	proofDigits = regexp.MustCompile(`\A[0-9a-f]{16,63}\z`)
	idDigits    = regexp.MustCompile(`\A[0-9a-fA-F]{16,}\z`)
)

// proof is the rest of I5: an identity that the sender did not declare is one that the sender's
// paths spell, and it is proved as the policy asks; none is contradicted by the sandbox id.
func (j *judgement) proof(sent object) {
	rules := j.policy.Identity
	if j.user == "" || rules.Proof == "" {
		return
	}
	keys := []string{rules.UserKey}
	if j.thread != "" {
		keys = append(keys, rules.ThreadKey)
	}
	declared := !slices.ContainsFunc(keys, func(key string) bool { return !bears(sent, key) })
	if !bears(sent, rules.UserKey) && !spells(sent, j.user) {
		j.condemn("I5", "nobody named the user %q", j.user)
	}
	if j.thread != "" && !bears(sent, rules.ThreadKey) && !spells(sent, j.thread) {
		j.condemn("I5", "nobody named the thread %q", j.thread)
	}

	id := text(child(j.pod, "metadata", "labels"), rules.SandboxIDKey)
	switch proved := j.proves(id); {
	case proved || rules.Proof == "Never":
	case rules.Proof == "Always" || !declared:
		j.condemn("I5", "the sandbox id %q does not prove %q and %q", id, j.user, j.thread)
	case idDigits.MatchString(id):
		j.condemn("I5", "the sandbox id %q contradicts %q and %q", id, j.user, j.thread)
	}
}

// proves reports whether a sandbox id is the beginning of the digest of the identity.
func (j *judgement) proves(id string) bool {
	message := []byte(j.user + ":" + j.thread)
	digest := fmt.Sprintf("%x", sha256.Sum256(message))
	if key := j.policy.Identity.Key; key != "" {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(message)
		digest = fmt.Sprintf("%x", mac.Sum(nil))
	}
	return proofDigits.MatchString(id) && strings.HasPrefix(digest, id)
}

// bears reports whether a Pod has a label or an annotation of the key.
func bears(pod object, key string) bool {
	_, label := child(pod, "metadata", "labels")[key]
	_, annotation := child(pod, "metadata", "annotations")[key]
	return label || annotation
}

// spells reports whether an id is a part of some path that the Pod mounts.
func spells(pod object, id string) bool {
	part := func(path string) bool { return slices.Contains(strings.Split(path, "/"), id) }
	for _, volume := range volumes(pod) {
		if part(text(child(volume, "hostPath"), "path")) {
			return true
		}
	}
	for _, list := range []string{"initContainers", "containers", "ephemeralContainers"} {
		for _, container := range children(child(pod, "spec"), list) {
			for _, mount := range children(container, "volumeMounts") {
				if part(text(mount, "subPath")) {
					return true
				}
			}
		}
	}
	return false
}
