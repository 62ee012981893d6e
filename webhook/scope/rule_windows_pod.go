package scope

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"userscope.dev/userscope/webhook/podjson"
	"userscope.dev/userscope/webhook/policy"
)

// RuleWindowsPod is the rule of this file.
const RuleWindowsPod Rule = "windows-pod"

// Refusals that the backstop words like the decision.
const (
	saysWindows     = "mounts by other rules, which Userscope does not know: run sandboxes on Linux"
	saysWindowsPath = "is a path of Windows, whose mounts Userscope cannot judge: run sandboxes on Linux"
)

var windowsPodRule = rule{
	ID:      RuleWindowsPod,
	Summary: "A sandbox runs on Linux.",
	Why: "On Windows one directory has many names: in upper and lower case, with two kinds of slashes, short ones such as " +
		"ALICEB~1. No rule about mounts holds there. A Pod is one of Windows if it says so (`spec.os.name`), or if it mounts " +
		"the claim at a path with a drive letter or a backslash. Whether a Pod that says nothing comes to a node of Windows, " +
		"Userscope cannot see: keep sandboxes off such nodes by a taint.",
	says:  map[string]string{"os": saysWindows, "path": saysWindowsPath},
	check: (*review).checkWindowsPod,
}

// checkWindowsPod refuses Pods of Windows.
func (r *review) checkWindowsPod(p *policy.Policy) {
	if os := r.pod.Spec.OS; os != nil && os.Name == corev1.Windows {
		r.refuse(RuleWindowsPod, podjson.Location{"spec", "os", "name"}, string(os.Name), saysWindows)
	}
	for _, m := range claimMounts(p, r.pod) {
		if isWindowsPath(m.MountPath) {
			r.refuse(RuleWindowsPod, m.at("mountPath"), m.MountPath, saysWindowsPath)
		}
	}
}

// isWindowsPath reports whether a mountPath has a drive letter or a backslash.
func isWindowsPath(mountPath string) bool {
	if strings.Contains(mountPath, `\`) {
		return true
	}
	letter := func(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
	return len(mountPath) > 1 && mountPath[1] == ':' && letter(mountPath[0])
}
