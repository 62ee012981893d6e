package oracle

import (
	"fmt"
	"slices"
	"strings"
)

// Judge returns the invariants that the creation of a Pod breaks, each as a sentence. The Pod
// was sent as sent and let through as final. A policy may have been drawn in by a volume that
// another one replaced: such a policy has no say in the end.
func Judge(policies []Policy, request Request, sent, final map[string]any) []string {
	governing := Governed(policies, request, final)
	var judgements []*judgement
	for _, p := range Governed(policies, request, sent) {
		j := &judgement{policy: p, governing: governing, request: request, pod: final}
		j.findIdentity()
		j.proof(sent)
		j.directories = j.ownDirectories()
		judgements = append(judgements, j)
	}
	findings := changes(judgements, sent, final)
	for _, j := range judgements {
		if slices.ContainsFunc(governing, func(p Policy) bool { return p.Name == j.policy.Name }) {
			findings = append(findings, j.all()...)
		}
	}
	slices.Sort(findings)
	return findings
}

// judgement is the case of one policy against one Pod.
type judgement struct {
	policy  Policy
	request Request
	pod     object

	// governing are all policies that govern the Pod, which share its identity.
	governing []Policy

	// defaulted tells that nobody named the user.
	defaulted    bool
	user, thread string
	directories  map[string]Directory

	findings []string
}

// all applies I1 to I5.
func (j *judgement) all() []string {
	j.origin()
	j.windows()
	j.stamps()
	j.claimMounts()
	j.devices()
	j.ephemeralContainers()
	j.volumes()
	j.secrets()
	j.configMaps()
	j.accounts()
	j.resources()
	j.lists()
	j.scheduling()
	j.ownership()
	j.baseline()
	j.crowd()
	return j.findings
}

// condemn records a broken invariant.
func (j *judgement) condemn(invariant, format string, args ...any) {
	j.findings = append(j.findings, fmt.Sprintf("%s (%s): %s", invariant, j.policy.Name, fmt.Sprintf(format, args...)))
}

// allow condemns what is on no list.
func (j *judgement) allow(list []string, value, format string, args ...any) {
	if !slices.Contains(list, value) {
		j.condemn("I4", "%s is %q, which is not listed", fmt.Sprintf(format, args...), value)
	}
}

// isProtected reports whether a claim is that of a policy that governs the Pod: each is the
// business of its own policy.
func (j *judgement) isProtected(claim string) bool {
	return slices.ContainsFunc(j.governing, func(p Policy) bool { return p.Claim == claim })
}

// windows is about what no rule on mounts holds for.
func (j *judgement) windows() {
	if text(child(j.pod, "spec", "os"), "name") == "windows" {
		j.condemn("I4", "the Pod is one of Windows")
	}
	names := j.claimVolumes()
	for _, c := range containers(j.pod, lasting) {
		for _, mount := range children(c.object, "volumeMounts") {
			at := text(mount, "mountPath")
			drive, _, isDrive := strings.Cut(at, ":")
			isDrive = isDrive && len(drive) == 1 && strings.ToUpper(drive) != strings.ToLower(drive)
			if names[text(mount, "name")] && (isDrive || strings.ContainsRune(at, 92)) {
				j.condemn("I4", "%s mounts the claim at %q, a path of Windows", c.where, at)
			}
		}
	}
}

// origin is about what a provisioner makes beside sandboxes.
func (j *judgement) origin() {
	if !j.policy.provisions(j.request) {
		return
	}
	if !j.policy.selects(j.pod) {
		j.condemn("I5", "a provisioner's Pod does not match the selector")
	}
	for _, owner := range children(child(j.pod, "metadata"), "ownerReferences") {
		group, _, _ := strings.Cut(text(owner, "apiVersion"), "/")
		if flag(owner, "controller") {
			j.allow(j.policy.Allowed.ControllerOwners, text(owner, "kind")+"."+group, "the controller of a provisioner's Pod, %q,", text(owner, "name"))
		}
	}
	for _, finding := range given(j.policy, nil, j.pod) {
		j.condemn("I4", "%s", finding)
	}
	for key := range child(j.pod, "metadata", "annotations") {
		if strings.HasPrefix(key, "kubernetes.io/config.") {
			j.condemn("I4", "a provisioner's Pod poses as a kubelet's by annotation %s", key)
		}
	}
}
