package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"userscope.dev/userscope/webhook/admission"
	"userscope.dev/userscope/webhook/scope"
	"userscope.dev/userscope/webhook/yamlstream"
)

// readPods reads the Pods of a file's contents, each as a request that says nothing yet of who
// creates it and where, and returns beside them an error for each document, and each item of a
// List, that is not one.
func readPods(name string, data []byte) (pods []scope.Request, unreadable []error) {
	all := yamlstream.Read(data)
	if len(all) == 0 {
		return nil, []error{fmt.Errorf("%s: is empty: a Pod or a List of Pods is expected", name)}
	}
	for i, document := range all {
		mistakes := document.Mistakes
		if len(mistakes) == 0 {
			var found []scope.Request
			found, mistakes = decodeDocument(document.JSON)
			pods = append(pods, found...)
		}
		for _, mistake := range mistakes {
			unreadable = append(unreadable, fmt.Errorf("%s: document %d: %s", name, i+1, oneLine(mistake)))
		}
	}
	return pods, unreadable
}

// oneLine joins the lines of an error that a library spreads over several.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// errNoItems is a List that would count as one without Pods, were it read as it stands.
var errNoItems = errors.New("items: is missing or null: a List of no Pods has []")

// decodeDocument reads one document: a Pod, or a List of them as kubectl get prints it.
func decodeDocument(document []byte) (pods []scope.Request, unreadable []error) {
	if !isList(document) {
		pod, unknown, err := admission.DecodePod(document)
		if err != nil {
			return nil, []error{err}
		}
		return []scope.Request{{Pod: pod, Unknown: unknown}}, nil
	}

	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(document, &list); err != nil {
		return nil, []error{fmt.Errorf("is not a List: %w", err)}
	}
	if list.Items == nil {
		return nil, []error{errNoItems}
	}
	for i, item := range list.Items {
		pod, unknown, err := admission.DecodePod(item)
		if err != nil {
			unreadable = append(unreadable, fmt.Errorf("items[%d]: %w", i, err))
			continue
		}
		pods = append(pods, scope.Request{Pod: pod, Unknown: unknown})
	}
	return pods, unreadable
}

// isList reports whether a document is a list that may hold Pods.
func isList(document []byte) bool {
	var meta metav1.TypeMeta
	err := kjson.UnmarshalCaseSensitivePreserveInts(document, &meta)
	return err == nil && meta.APIVersion == "v1" && (meta.Kind == "List" || meta.Kind == "PodList")
}
