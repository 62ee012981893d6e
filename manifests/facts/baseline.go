package facts

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	podsecurity "k8s.io/pod-security-admission/api"
	checks "k8s.io/pod-security-admission/policy"
)

// Baseline are the values that the Pod Security baseline allows in fields where it forbids others:
// https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline.
type Baseline struct {
	Capabilities    []string `json:"capabilities"`
	Sysctls         []string `json:"sysctls"`
	SELinuxTypes    []string `json:"seLinuxTypes"`
	SeccompProfiles []string `json:"seccompProfiles"`
	AppArmor        []string `json:"appArmorProfiles"`
}

// newBaseline asks the library k8s.io/pod-security-admission, which keeps its lists to itself: it has
// every text that the library or the API's types know judged in each of the fields.
func newBaseline() (Baseline, error) {
	evaluator, err := checks.NewEvaluator(checks.DefaultChecks(), nil)
	if err != nil {
		return Baseline{}, err
	}
	texts := map[string]bool{"": true}
	for _, library := range []string{"k8s.io/pod-security-admission/policy", "k8s.io/api/core/v1"} {
		if err := addLiterals(texts, library); err != nil {
			return Baseline{}, err
		}
	}
	latest := podsecurity.LevelVersion{Level: podsecurity.LevelBaseline, Version: podsecurity.LatestVersion()}
	allowed := func(with func(*corev1.PodSecurityContext, *corev1.SecurityContext, string)) []string {
		var values []string
		for _, text := range slices.Sorted(maps.Keys(texts)) {
			pod, container := &corev1.PodSecurityContext{}, &corev1.SecurityContext{}
			with(pod, container, text)
			spec := &corev1.PodSpec{SecurityContext: pod, Containers: []corev1.Container{{Name: "main", SecurityContext: container}}}
			if checks.AggregateCheckResults(evaluator.EvaluatePod(latest, &metav1.ObjectMeta{}, spec)).Allowed {
				values = append(values, text)
			}
		}
		return values
	}
	return Baseline{
		Capabilities: allowed(func(_ *corev1.PodSecurityContext, c *corev1.SecurityContext, text string) {
			c.Capabilities = &corev1.Capabilities{Add: []corev1.Capability{corev1.Capability(text)}}
		}),
		Sysctls: allowed(func(p *corev1.PodSecurityContext, _ *corev1.SecurityContext, text string) {
			p.Sysctls = []corev1.Sysctl{{Name: text}}
		}),
		SELinuxTypes: allowed(func(p *corev1.PodSecurityContext, _ *corev1.SecurityContext, text string) {
			p.SELinuxOptions = &corev1.SELinuxOptions{Type: text}
		}),
		SeccompProfiles: allowed(func(p *corev1.PodSecurityContext, _ *corev1.SecurityContext, text string) {
			p.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileType(text)}
		}),
		AppArmor: allowed(func(p *corev1.PodSecurityContext, _ *corev1.SecurityContext, text string) {
			p.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileType(text)}
		}),
	}, nil
}

// addLiterals adds every string literal in the source of a package of Go, its tests aside.
func addLiterals(texts map[string]bool, library string) error {
	files, err := source(library)
	if err != nil {
		return err
	}
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if text, err := strconv.Unquote(literal.Value); err == nil {
					texts[text] = true
				}
			}
			return true
		})
	}
	return nil
}

// source parses the files of a package of Go, its tests aside, in the order of their names. The error
// tells that the package cannot be found or parsed.
func source(library string) ([]*ast.File, error) {
	found, err := build.Import(library, ".", build.FindOnly)
	if err != nil {
		return nil, fmt.Errorf("find the source of %s: %w", library, err)
	}
	noTest := func(info fs.FileInfo) bool { return !strings.HasSuffix(info.Name(), "_test.go") }
	packages, err := parser.ParseDir(token.NewFileSet(), found.Dir, noTest, parser.ParseComments) //nolint:staticcheck // build tags do not matter here
	if err != nil {
		return nil, fmt.Errorf("parse the source of %s: %w", library, err)
	}
	var files []*ast.File
	for _, parsed := range packages {
		for _, name := range slices.Sorted(maps.Keys(parsed.Files)) {
			files = append(files, parsed.Files[name])
		}
	}
	return files, nil
}
