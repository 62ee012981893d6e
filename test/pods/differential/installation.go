package differential

import (
	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/webhook/policy"
	"userscope.dev/userscope/webhook/policy/load"
)

// Installation is a set of policies as the decision and as the oracle have it.
type Installation struct {
	Name     string
	Policies policy.Policies
	Oracle   []oracle.Policy
}

// DeerFlow returns the installation of the policy that is shipped.
func DeerFlow() (Installation, error) {
	return ofRepository("deer-flow", "manifests", "policies", "deerflow.yaml")
}

// Keyed returns an installation whose every identity is proved, under one of two keys.
func Keyed() (Installation, error) { return ofThisPackage("keyed") }

// Defaulted returns an installation with a default user.
func Defaulted() (Installation, error) { return ofThisPackage("defaulted") }

// Installations returns DeerFlow's and others, whose policies have what it has not: keys, a
// default user, no threads, something on every list, several claims in one namespace.
func Installations() ([]Installation, error) {
	var all []Installation
	for _, load := range []func() (Installation, error){
		DeerFlow, Keyed, Defaulted,
		func() (Installation, error) { return ofThisPackage("migrating") },
		func() (Installation, error) { return ofThisPackage("hub") },
		func() (Installation, error) { return ofThisPackage("lists") },
		func() (Installation, error) { return ofThisPackage("two-claims") },
		func() (Installation, error) { return ofThisPackage("mounts-first") },
	} {
		in, err := load()
		if err != nil {
			return nil, err
		}
		all = append(all, in)
	}
	return all, nil
}

// ofThisPackage returns the installation of one of the policy files beside this file.
func ofThisPackage(name string) (Installation, error) {
	return ofRepository(name, "test", "pods", "differential", "policies", name+".yaml")
}

func ofRepository(name string, path ...string) (Installation, error) {
	file, err := repo.Path(path...)
	if err != nil {
		return Installation{}, err
	}
	return Load(name, file)
}

// Load reads a policy file twice, as the decision and as the oracle read it. The error is of the first
// that cannot.
func Load(name, file string) (Installation, error) {
	compiled, err := load.File(file)
	if err != nil {
		return Installation{}, err
	}
	policies, err := oracle.Read(file)
	return Installation{Name: name, Policies: compiled, Oracle: policies}, err
}
