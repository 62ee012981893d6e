package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"userscope.dev/userscope/test/kit/cleanup"
	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/suites/backstop"
)

// deerflowPolicy is the policy that everything is measured with, below the directory manifests.
var deerflowPolicy = filepath.Join("policies", "deerflow.yaml")

// ownNamespaces is how that policy names the namespaces that it governs.
const ownNamespaces = "  namespaces:\n    - deer-flow\n"

// policyFor writes DeerFlow's policy, as it is in a directory manifests, to a file, for other namespaces.
func policyFor(manifests, file string, namespaces ...string) ([]backstop.Policy, error) {
	text, err := os.ReadFile(filepath.Join(manifests, deerflowPolicy))
	if err != nil {
		return nil, err
	}
	if bytes.Count(text, []byte(ownNamespaces)) != 1 {
		return nil, fmt.Errorf("%s: has no line %q", deerflowPolicy, ownNamespaces)
	}
	others := "  namespaces:\n"
	for _, namespace := range namespaces {
		others += "    - " + namespace + "\n"
	}
	text = bytes.Replace(text, []byte(ownNamespaces), []byte(others), 1)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	return backstop.ReadPolicies(file)
}

// renderBaseline renders the chart of a revision of the repository, with that revision's policy.
func renderBaseline(ctx context.Context, revision string) (objects *backstop.Objects, err error) {
	dir, err := cleanup.MkdirTemp("userscope-baseline-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Remove()) }()
	root, err := repo.Path()
	if err != nil {
		return nil, err
	}
	archive := filepath.Join(dir.Path, "manifests.tar")
	for _, command := range []*exec.Cmd{
		exec.CommandContext(ctx, "git", "-C", root, "archive", "--output", archive, revision, "manifests"),
		exec.CommandContext(ctx, "tar", "-xf", archive, "-C", dir.Path),
	} {
		if out, err := command.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("-baseline %s: %s: %w: %s", revision, command, err, out)
		}
	}
	manifests := filepath.Join(dir.Path, "manifests")
	policies, err := policyFor(manifests, filepath.Join(dir.Path, "policy.yaml"), namespaceBaseline)
	if err != nil {
		return nil, fmt.Errorf("-baseline %s: %w", revision, err)
	}
	objects, err = backstop.RenderChart(ctx, filepath.Join(manifests, "chart"), policies)
	if err != nil {
		return nil, fmt.Errorf("-baseline %s: %w", revision, err)
	}
	return besides(objects), nil
}

// besides renames the policies of another revision, so that they can stand beside ours.
func besides(objects *backstop.Objects) *backstop.Objects {
	for i := range objects.Policies {
		objects.Policies[i].Name = "baseline-" + objects.Policies[i].Name
	}
	for i := range objects.Bindings {
		objects.Bindings[i].Name = "baseline-" + objects.Bindings[i].Name
		objects.Bindings[i].Spec.PolicyName = "baseline-" + objects.Bindings[i].Spec.PolicyName
	}
	return objects
}
