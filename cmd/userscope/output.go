package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// outputFormat is the value of -o.
type outputFormat string

const (
	outputText outputFormat = "text"
	outputJSON outputFormat = "json"
)

func (f *outputFormat) String() string { return string(*f) }
func (f *outputFormat) Type() string   { return "FORMAT" }

// Set is called with what follows the flag.
func (f *outputFormat) Set(value string) error {
	switch format := outputFormat(value); format {
	case outputText, outputJSON:
		*f = format
		return nil
	default:
		return fmt.Errorf("want %s or %s", outputText, outputJSON)
	}
}

// addFlag gives a command the flag -o, text by default.
func (f *outputFormat) addFlag(command *cobra.Command) {
	*f = outputText
	command.Flags().VarP(f, "output", "o", "how to print: text or json")
}

// printJSON prints a value for programs, and for people who pipe it through a pager.
func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
