package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"userscope.dev/userscope/webhook/admission"
)

// separator is what stands between two documents of a YAML stream. Anything else on its line
// belongs to the document that follows.
var separator = regexp.MustCompile(`(?m)^---([ \t\r]|$)`)

// readPods reads the Pods of a file's contents, and returns beside them an error for each
// document, and each item of a List, that is not one.
func readPods(name string, data []byte) (pods []*corev1.Pod, unreadable []error) {
	number := 0
	refuse := func(err error) {
		unreadable = append(unreadable, fmt.Errorf("%s: document %d: %s", name, number, oneLine(err)))
	}
	for _, chunk := range separator.Split(string(data), -1) {
		documents, err := toJSON([]byte(chunk))
		for _, document := range documents {
			number++
			found, mistakes := decodeDocument(document)
			pods = append(pods, found...)
			for _, mistake := range mistakes {
				refuse(mistake)
			}
		}
		if err != nil {
			number++
			refuse(err)
		}
	}
	if number == 0 {
		unreadable = append(unreadable, fmt.Errorf("%s: is empty: a Pod or a List of Pods is expected", name))
	}
	return pods, unreadable
}

// oneLine joins the lines of an error that a library spreads over several.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// toJSON turns what stands between two lines of --- into JSON documents: none for comments,
// one for YAML, and any number for JSON, which needs no --- between them. A repeated key is an
// error: which of its values counts is for the reader to guess.
func toJSON(chunk []byte) ([][]byte, error) {
	if !yamlutil.IsJSONBuffer(chunk) {
		document, err := yaml.YAMLToJSONStrict(chunk)
		if err != nil || string(document) == "null" {
			return nil, err
		}
		return [][]byte{document}, nil
	}

	var documents [][]byte
	decoder := json.NewDecoder(bytes.NewReader(chunk))
	for {
		var document json.RawMessage
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return documents, err
		}
		var content any
		repeated, err := kjson.UnmarshalStrict(document, &content)
		if err := errors.Join(append(repeated, err)...); err != nil {
			return documents, err
		}
		documents = append(documents, document)
	}
}

// decodeDocument reads one document: a Pod, or a List of them as kubectl get prints it.
func decodeDocument(document []byte) (pods []*corev1.Pod, unreadable []error) {
	if !isList(document) {
		pod, err := admission.DecodePod(document)
		if err != nil {
			return nil, []error{err}
		}
		return []*corev1.Pod{pod}, nil
	}

	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(document, &list); err != nil {
		return nil, []error{fmt.Errorf("is not a List: %w", err)}
	}
	for i, item := range list.Items {
		pod, err := admission.DecodePod(item)
		if err != nil {
			unreadable = append(unreadable, fmt.Errorf("items[%d]: %w", i, err))
			continue
		}
		pods = append(pods, pod)
	}
	return pods, unreadable
}

// isList reports whether a document is a list that may hold Pods.
func isList(document []byte) bool {
	var meta metav1.TypeMeta
	err := kjson.UnmarshalCaseSensitivePreserveInts(document, &meta)
	return err == nil && meta.APIVersion == "v1" && (meta.Kind == "List" || meta.Kind == "PodList")
}
