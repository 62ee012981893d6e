// Package policies holds the policies that ship with Userscope.
package policies

import _ "embed" // for the policies

// DeerFlow is the policy for DeerFlow, deerflow.yaml.
//
//go:embed deerflow.yaml
var DeerFlow []byte
