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
	// shortDigits is what ids looked like before 2026-07-25.
	shortDigits = regexp.MustCompile(`\A[0-9a-f]{8}\z`)
)

// proof is the rest of I5: an identity that the sender did not declare is the one that the
// sender's paths spell, or the default user's; it is proved as the policy asks; and none is
// contradicted by the sandbox id. It says too whether the user is the default one.
func (j *judgement) proof(sent object) {
	rules := j.policy.Identity
	user, thread := Whose(j.governing, j.pod)
	if user == "" || rules.Proof == "" {
		return
	}
	users, threads := spelled(j.governing, sent)
	adopted := false
	switch rules.source(sent, rules.UserKey, users) {
	case "Mounts":
		adopted = true
		if !slices.Equal(users, []string{user}) {
			j.condemn("I5", "the user is %q, and the paths spell %q", user, users)
		}
	case "":
		j.defaulted = true
		if user != rules.DefaultUser || thread == "" {
			j.condemn("I5", "nobody named the user %q, thread %q", user, thread)
		}
	}
	if from := rules.source(sent, rules.ThreadKey, threads); thread != "" && from != "Label" && from != "Annotation" {
		adopted = true
		if !slices.Equal(threads, []string{thread}) {
			j.condemn("I5", "the thread is %q, and the paths spell %q", thread, threads)
		}
	}

	id := text(child(j.pod, "metadata", "labels"), rules.SandboxIDKey)
	switch {
	case j.proves(id, user, thread):
	case j.defaulted && shortDigits.MatchString(id) && id != thread && !isDigest(id, thread) && !j.mayBeginWith(id, user, thread):
		j.condemn("I5", "the sandbox id %q is of another user than the default one, or of another thread", id)
	case rules.Proof == "Always" || rules.Proof == "Adopted" && adopted && !j.defaulted:
		j.condemn("I5", "the sandbox id %q does not prove %q and %q", id, user, thread)
	case idDigits.MatchString(id) && (rules.Proof == "Adopted" || j.defaulted):
		j.condemn("I5", "the sandbox id %q contradicts %q and %q", id, user, thread)
	}
}

// proves reports whether a sandbox id is the beginning of the digest of an identity, under
// whichever key there is.
func (j *judgement) proves(id, user, thread string) bool {
	if !proofDigits.MatchString(id) {
		return false
	}
	if len(j.policy.Identity.Keys) == 0 {
		return j.mayBeginWith(id, user, thread)
	}
	return slices.ContainsFunc(j.hashed(user, thread), func(text string) bool {
		return slices.ContainsFunc(j.policy.Identity.Keys, func(key string) bool {
			mac := hmac.New(sha256.New, []byte(key))
			mac.Write([]byte(text))
			return strings.HasPrefix(fmt.Sprintf("%x", mac.Sum(nil)), id)
		})
	})
}

// mayBeginWith reports whether an id begins the plain digest of an identity.
func (j *judgement) mayBeginWith(id, user, thread string) bool {
	return slices.ContainsFunc(j.hashed(user, thread), func(text string) bool { return isDigest(id, text) })
}

func isDigest(id, text string) bool {
	return strings.HasPrefix(fmt.Sprintf("%x", sha256.Sum256([]byte(text))), id)
}

// hashed returns the texts that stand for an identity, whichever of the policies that govern the Pod has them. A
// text without a thread stands for who has none.
func (j *judgement) hashed(user, thread string) []string {
	var found []string
	for _, p := range j.governing {
		for _, text := range p.Identity.ProofOf {
			if strings.Contains(text, "{thread}") == (thread != "") {
				found = append(found, strings.NewReplacer("{user}", user, "{thread}", thread).Replace(text))
			}
		}
	}
	return found
}

// source returns the first place that names one half of an identity: an entry of the key, or the paths that
// spell ids.
func (rules Identity) source(pod object, key string, spelled []string) string {
	_, label := child(pod, "metadata", "labels")[key]
	_, annotation := child(pod, "metadata", "annotations")[key]
	names := map[string]bool{"Label": label, "Annotation": annotation, "Mounts": len(spelled) > 0}
	for _, place := range rules.From {
		if names[place] {
			return place
		}
	}
	return ""
}
