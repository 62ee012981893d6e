package controlplane

import (
	"fmt"
	"os"
	"path/filepath"

	"userscope.dev/userscope/test/kit/repo"
)

// assetsVariable names a directory with the binaries, as it does for controller-runtime's envtest.
const assetsVariable = "KUBEBUILDER_ASSETS"

// binaries are the programs of a control plane.
type binaries struct {
	etcd, apiServer, kubectl string
}

// findBinaries looks for the programs in $KUBEBUILDER_ASSETS or, if that is unset, where
// `make controlplane` puts them.
func findBinaries() (binaries, error) {
	dir, remedy := os.Getenv(assetsVariable), "correct or unset "+assetsVariable
	if dir == "" {
		var err error
		if dir, err = repo.Path("bin", "kubernetes"); err != nil {
			return binaries{}, err
		}
		remedy = "run `make controlplane`, or set " + assetsVariable
	}
	found := binaries{
		etcd:      filepath.Join(dir, "etcd"),
		apiServer: filepath.Join(dir, "kube-apiserver"),
		kubectl:   filepath.Join(dir, "kubectl"),
	}
	for _, binary := range []string{found.etcd, found.apiServer, found.kubectl} {
		if info, err := os.Stat(binary); err != nil || info.Mode()&0o111 == 0 {
			return binaries{}, fmt.Errorf("no executable %s: %s", binary, remedy)
		}
	}
	return found, nil
}
