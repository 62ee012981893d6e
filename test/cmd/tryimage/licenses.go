package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"path"
	"strings"
)

// checkLicenses reports the modules that are linked into the image's program, Go's own library and
// Userscope among them, and whose license the image does not hold in a directory of their name or
// below it, where the packages lie that are used.
func (i *image) checkLicenses() error {
	built, err := buildinfo.Read(bytes.NewReader(i.program))
	if err != nil {
		return fmt.Errorf("%s: %w", programPath, err)
	}
	modules := []string{"std", built.Main.Path}
	for _, module := range built.Deps {
		modules = append(modules, module.Path)
	}
	var problems []error
	for _, module := range modules {
		if !i.holdsLicense(path.Join(licensesPath, module)) {
			problems = append(problems, fmt.Errorf("it holds no license of %s", module))
		}
	}
	return errors.Join(problems...)
}

// holdsLicense reports whether a license, and not an empty one, lies in or below a directory.
func (i *image) holdsLicense(dir string) bool {
	for _, file := range i.files {
		name := strings.ToUpper(path.Base(file.Name))
		if strings.HasPrefix("/"+file.Name, dir+"/") && strings.HasPrefix(name, "LICEN") && file.Size > 0 {
			return true
		}
	}
	return false
}
