package main

import (
	"errors"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// imageSize is how much of an OCI layout a node with amd64 pulls, NaN if there is no such layout.
func imageSize(dir string) (figure, error) {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return missing, nil
	}
	root, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return missing, err
	}
	manifest, err := root.IndexManifest()
	if err != nil {
		return missing, err
	}
	for _, descriptor := range manifest.Manifests {
		index, err := root.ImageIndex(descriptor.Digest)
		if err != nil {
			return missing, err
		}
		size, err := imageSizeIn(index, "amd64")
		if err != nil || size > 0 {
			return mebibytes(size), err
		}
	}
	return missing, nil
}

// imageSizeIn is how much of an index an architecture pulls, in bytes, 0 if it has no image for it.
func imageSizeIn(index v1.ImageIndex, architecture string) (int64, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return 0, err
	}
	for _, descriptor := range manifest.Manifests {
		if descriptor.Platform == nil || descriptor.Platform.Architecture != architecture {
			continue
		}
		image, err := index.Image(descriptor.Digest)
		if err != nil {
			return 0, err
		}
		content, err := image.Manifest()
		if err != nil {
			return 0, err
		}
		size := descriptor.Size + content.Config.Size
		for _, layer := range content.Layers {
			size += layer.Size
		}
		return size, nil
	}
	return 0, nil
}
