package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// images are those of an OCI layout.
type images struct {
	// digest is of the index that names the image of each architecture.
	digest string
	byArch map[string]*image
}

// image is what is judged of a container image.
type image struct {
	config v1.Config
	// size is what a registry stores and a node pulls, in bytes.
	size int64
	// files are all that it holds.
	files []*tar.Header
	// program is the content of programPath.
	program []byte
}

// programPath is where the program lies in the image.
const programPath = "/userscope"

// licensesPath is the directory of the license texts in the image.
const licensesPath = "/licenses"

// mostBytes is how large the image may be as a registry counts it.
const mostBytes = 25e6

// open reads the layout in dir, which holds one image, perhaps of several architectures.
func open(dir string) (*images, error) {
	root, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: run `make image`", err)
	}
	manifest, err := root.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("%s: holds %d images, want one", dir, len(manifest.Manifests))
	}
	digest := manifest.Manifests[0].Digest
	index, err := root.ImageIndex(digest)
	if err != nil {
		return nil, err
	}
	if manifest, err = index.IndexManifest(); err != nil {
		return nil, err
	}
	all := &images{digest: digest.String(), byArch: map[string]*image{}}
	for _, descriptor := range manifest.Manifests {
		content, err := index.Image(descriptor.Digest)
		if err != nil {
			return nil, err
		}
		if all.byArch[descriptor.Platform.Architecture], err = read(content); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", dir, descriptor.Platform, err)
		}
	}
	return all, nil
}

func read(content v1.Image) (*image, error) {
	config, err := content.ConfigFile()
	if err != nil {
		return nil, err
	}
	i := &image{config: config.Config}
	manifest, err := content.Manifest()
	if err != nil {
		return nil, err
	}
	if i.size, err = content.Size(); err != nil {
		return nil, err
	}
	i.size += manifest.Config.Size
	for _, layer := range manifest.Layers {
		i.size += layer.Size
	}

	files := mutate.Extract(content)
	defer files.Close()
	for archive := tar.NewReader(files); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return i, nil
		}
		if err != nil {
			return nil, err
		}
		i.files = append(i.files, header)
		if "/"+header.Name == programPath {
			if i.program, err = io.ReadAll(archive); err != nil {
				return nil, err
			}
		}
	}
}

// check reports what is wrong with an image for an architecture.
func (i *image) check(arch string) error {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if i.size > mostBytes {
		wrong("it has %d bytes, more than %d", i.size, int64(mostBytes))
	}
	if i.config.User != "65532:65532" {
		wrong("its user is %q, want 65532:65532", i.config.User)
	}
	for _, file := range i.files {
		path := "/" + strings.TrimSuffix(file.Name, "/")
		var mode fs.FileMode
		switch {
		case path == programPath:
			mode = 0o755
		case path == licensesPath || strings.HasPrefix(path, licensesPath+"/") && file.Typeflag == tar.TypeDir:
			mode = fs.ModeDir | 0o755
		case strings.HasPrefix(path, licensesPath+"/"):
			mode = 0o644
		}
		if file.FileInfo().Mode() != mode || file.Uid != 0 || file.Gid != 0 {
			wrong("it holds %s %s of %d:%d, want only the program and license texts, which everybody may use and nobody but root write",
				file.FileInfo().Mode(), path, file.Uid, file.Gid)
		}
	}

	program, err := elf.NewFile(bytes.NewReader(i.program))
	if err != nil {
		wrong("%s: %w", programPath, err)
		return errors.Join(problems...)
	}
	if machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]; program.Machine != machine {
		wrong("%s is for %s, want %s", programPath, program.Machine, machine)
	}
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			wrong("%s has a %s: it is not static", programPath, part.Type)
		}
	}
	return errors.Join(problems...)
}
