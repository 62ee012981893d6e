package differential

import (
	"userscope.dev/userscope/test/kit/repo"
	"userscope.dev/userscope/test/pods/oracle"
	"userscope.dev/userscope/webhook/config"
	"userscope.dev/userscope/webhook/scope"
)

// Installation is a set of policies as the decision and as the oracle have it.
type Installation struct {
	Name     string
	Policies scope.Policies
	Oracle   []oracle.Policy
}

// DeerFlow returns the installation of the policy that is shipped.
func DeerFlow() (Installation, error) {
	return installation("deer-flow", []string{"manifests", "policies", "deerflow.yaml"}, deerFlow)
}

// Keyed returns an installation whose every identity is proved, under one of two keys.
func Keyed() (Installation, error) { return ofThisPackage("keyed", keyed) }

// Defaulted returns an installation with a default user.
func Defaulted() (Installation, error) { return ofThisPackage("defaulted", defaulted) }

// Installations returns DeerFlow's and others, whose policies have what it has not: keys, a
// default user, no threads, something on every list, several claims in one namespace.
func Installations() ([]Installation, error) {
	var all []Installation
	for _, load := range []func() (Installation, error){
		DeerFlow, Keyed, Defaulted,
		func() (Installation, error) { return ofThisPackage("migrating", migrating) },
		func() (Installation, error) { return ofThisPackage("hub", hub) },
		func() (Installation, error) { return ofThisPackage("lists", lists) },
		func() (Installation, error) { return ofThisPackage("two-claims", work, results) },
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
func ofThisPackage(name string, policies ...oracle.Policy) (Installation, error) {
	return installation(name, []string{"test", "pods", "differential", "policies", name + ".yaml"}, policies...)
}

// installation reads a policy file of the repository, and the keys that it names.
func installation(name string, path []string, policies ...oracle.Policy) (Installation, error) {
	file, err := repo.Path(path...)
	if err != nil {
		return Installation{}, err
	}
	compiled, err := config.Load(file)
	return Installation{Name: name, Policies: compiled, Oracle: policies}, err
}
