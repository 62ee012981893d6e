package node

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// pause is the image of the process that holds a Pod's namespaces.
const pause = "userscope.dev/test/pause:1"

// ImportProgram imports an image, of this name, that holds nothing but a static program, as /NAME, which it
// starts, and a directory for temporary files.
func (n *Node) ImportProgram(ctx context.Context, image, program string) error {
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	var files bytes.Buffer
	archive := tar.NewWriter(&files)
	path := filepath.Base(program)
	err = errors.Join(
		archive.WriteHeader(&tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}),
		archive.WriteHeader(&tar.Header{Name: path, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))}),
	)
	if err == nil {
		_, err = archive.Write(content)
	}
	if err := errors.Join(err, archive.Close()); err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil })
	if err != nil {
		return err
	}
	made, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		Architecture: runtime.GOARCH, OS: "linux",
		Config: v1.Config{Entrypoint: []string{"/" + path}},
	})
	if err != nil {
		return err
	}
	if made, err = mutate.AppendLayers(made, layer); err != nil {
		return err
	}
	return n.importImage(ctx, image, made)
}

// ImportLayout imports, by this name, the image for this machine of an OCI layout that holds one image of
// several architectures.
func (n *Node) ImportLayout(ctx context.Context, image, dir string) error {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return err
	}
	// Through the index that names the architectures.
	for {
		manifest, err := index.IndexManifest()
		if err != nil {
			return err
		}
		var next v1.ImageIndex
		for _, descriptor := range manifest.Manifests {
			switch {
			case descriptor.MediaType.IsIndex():
				if next, err = index.ImageIndex(descriptor.Digest); err != nil {
					return err
				}
			case descriptor.Platform != nil && descriptor.Platform.Architecture == runtime.GOARCH:
				found, err := index.Image(descriptor.Digest)
				if err != nil {
					return err
				}
				return n.importImage(ctx, image, found)
			}
		}
		if next == nil {
			return fmt.Errorf("%s: holds no image for %s", dir, runtime.GOARCH)
		}
		index = next
	}
}

func (n *Node) importImage(ctx context.Context, image string, content v1.Image) (err error) {
	tag, err := name.NewTag(image)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(n.Dir, "image-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	if err := tarball.Write(tag, content, file); err != nil {
		return err
	}
	_, err = n.Exec(ctx, n.programs.ctr, "--namespace", "k8s.io", "images", "import", file.Name())
	return err
}
