package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// checkSBOM reports the modules that a program was built from and that its bill of materials, a
// file in CycloneDX's format, does not name.
func checkSBOM(path string, program []byte) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%w: run `make sbom`", err)
	}
	var bom struct {
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(text, &bom); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	named := map[string]string{}
	for _, component := range bom.Components {
		named[component.Name] = component.Version
	}

	built, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("%s: %w", programPath, err)
	}
	var problems []error
	wanted := map[string]string{"std": built.GoVersion}
	for _, module := range built.Deps {
		wanted[module.Path] = module.Version
	}
	for module, version := range wanted {
		if named[module] != version {
			problems = append(problems, fmt.Errorf("%s: names %s %q, want %q", path, module, named[module], version))
		}
	}
	return errors.Join(problems...)
}
