package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"

	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/policy/load"
	"userscope.dev/userscope/webhook/scope"
)

// exitUndone is the exit code of check for a policy or a Pod that it could not read, and for
// results that it could not print.
const exitUndone = 3

// checkOptions are the flags of check.
type checkOptions struct {
	policy    string
	creator   scope.Creator
	namespace string
	output    outputFormat
	// requireGoverned makes a Pod fail of which no policy speaks.
	requireGoverned bool
}

func checkCommand() *cobra.Command {
	var options checkOptions
	command := &cobra.Command{
		Use:   "check --policy FILE POD...",
		Short: "Show what would become of Pods",
		Long: `Show what the webhook would make of Pods that are about to be created, without a cluster.

Each POD is a file of YAML or JSON, or - for stdin. It may hold several documents, each a Pod
or a List of Pods as kubectl prints it. For each Pod check prints the verdict (ungoverned,
allowed, rewritten or refused), whose sandbox it is and where that was found, and below it
what is rewritten, or why it is refused or ungoverned. With -o json it prints a list of objects
with name, namespace, verdict, reason, identity, violations and patch (RFC 6902).

Who creates a Pod is not in the file. Without --as, no rule that looks at the creator applies:
nobody is a provisioner, and nobody is exempt. Of a Pod that a cluster has stored, which has a
uid, the node is not judged: the scheduler chose it.

Exit codes: 0 every Pod passes, rewritten or not; 1 a Pod is refused or, with
--require-governed, ungoverned; 2 wrong usage; 3 the policy or a Pod cannot be read or the
results cannot be printed, whatever they are.`,
		Example: `  # One Pod, created by DeerFlow's provisioner
  userscope check --policy policy.yaml \
    --as system:serviceaccount:deer-flow:deer-flow-provisioner pod.yaml

  # What would have become of the sandboxes that are running now
  kubectl get pods -n deer-flow -l app=deer-flow-sandbox -o json | userscope check --policy policy.yaml \
    --as system:serviceaccount:deer-flow:deer-flow-provisioner -

  # The refusals only
  userscope check --policy policy.yaml -o json pods/*.yaml | jq '.[] | select(.verdict == "refused")'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if options.policy == "" {
				return errors.New("--policy: name the policy file")
			}
			if len(args) == 0 {
				return errors.New("POD: name at least one file, or - for stdin")
			}
			if problems := validation.ValidateNamespaceName(options.namespace, false); len(problems) > 0 {
				return fmt.Errorf("--namespace %q: %s", options.namespace, strings.Join(problems, ", "))
			}
			return options.run(args, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	flags := command.Flags()
	flags.StringVar(&options.policy, "policy", "", "policy `FILE` (required)")
	flags.StringVar(&options.creator.Username, "as", "", "`USERNAME` of the Pods' creator, as the API server authenticates it")
	flags.StringArrayVar(&options.creator.Groups, "as-group", nil, "`GROUP` of the Pods' creator; may be repeated")
	flags.StringVarP(&options.namespace, "namespace", "n", corev1.NamespaceDefault, "`NAMESPACE` of Pods that name none")
	flags.BoolVar(&options.requireGoverned, "require-governed", false, "fail if no policy speaks of a Pod")
	options.output.addFlag(command)
	return command
}

// run checks the Pods of all files, and reports those that it could not read at the end: one
// bad document must not hide what the others would come to.
func (o *checkOptions) run(files []string, stdin io.Reader, stdout io.Writer) error {
	policies, err := load.File(o.policy)
	if err != nil {
		return &exitError{exitUndone, err}
	}
	results := []result{}
	refused, unreadable := false, []error(nil)
	for _, file := range files {
		pods, mistakes := readFile(file, stdin)
		unreadable = append(unreadable, mistakes...)
		for _, pod := range pods {
			r := o.check(policies, pod)
			refused = refused || r.Verdict == scope.Refused || o.requireGoverned && r.Verdict == scope.Ungoverned
			results = append(results, r)
		}
	}

	if err := o.print(stdout, results); err != nil {
		return &exitError{exitUndone, errors.Join(append(unreadable, err)...)}
	}
	switch {
	case len(unreadable) > 0:
		return &exitError{exitUndone, errors.Join(unreadable...)}
	case refused:
		return &exitError{code: exitFailed}
	default:
		return nil
	}
}

// print prints the results as asked.
func (o *checkOptions) print(stdout io.Writer, results []result) error {
	if o.output == outputJSON {
		return printJSON(stdout, results)
	}
	for _, r := range results {
		if _, err := io.WriteString(stdout, r.text()); err != nil {
			return err
		}
	}
	return nil
}

// check decides on one Pod as if it were created now.
func (o *checkOptions) check(policies policy.Policies, req scope.Request) result {
	req.Creator, req.Namespace = o.creator, req.Pod.Namespace
	if req.Pod.UID != "" { // it is from a cluster, whose scheduler gave it its node
		req.Pod.Spec.NodeName = ""
	}
	if req.Namespace == "" {
		req.Namespace = o.namespace
	}
	return newResult(req, scope.Create(policies, req), scope.WhyUngoverned(policies, req))
}

// readFile reads the Pods of one argument of check.
func readFile(name string, stdin io.Reader) ([]scope.Request, []error) {
	var data []byte
	var err error
	if name == "-" {
		name = "stdin"
		data, err = io.ReadAll(stdin)
	} else {
		data, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, []error{err}
	}
	return readPods(name, data)
}
