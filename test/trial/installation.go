package trial

import (
	"embed"
	"fmt"

	"userscope.dev/userscope/test/oracle"
	"userscope.dev/userscope/test/repo"
	"userscope.dev/userscope/webhook/config"
	"userscope.dev/userscope/webhook/scope"
)

// Installation is a set of policies as the decision and as the oracle have it.
type Installation struct {
	Name     string
	Policies scope.Policies
	Oracle   []oracle.Policy
}

//go:embed policies
var files embed.FS

// DeerFlow returns the installation of the policy that is shipped.
func DeerFlow() (Installation, error) {
	file, err := repo.Path("manifests", "policies", "deerflow.yaml")
	if err != nil {
		return Installation{}, err
	}
	policies, err := config.Load(file)
	return Installation{Name: "deer-flow", Policies: policies, Oracle: []oracle.Policy{deerFlow}}, err
}

// Installations returns DeerFlow's and others, whose policies have what it has not: no threads,
// something on every list, several claims in one namespace.
func Installations() ([]Installation, error) {
	first, err := DeerFlow()
	if err != nil {
		return nil, err
	}
	all := []Installation{first}
	for _, other := range []Installation{
		{Name: "hub", Oracle: []oracle.Policy{hub}},
		{Name: "lists", Oracle: []oracle.Policy{lists}},
		{Name: "two-claims", Oracle: []oracle.Policy{work, results}},
	} {
		name := fmt.Sprintf("policies/%s.yaml", other.Name)
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if other.Policies, err = config.Parse(name, data); err != nil {
			return nil, err
		}
		all = append(all, other)
	}
	return all, nil
}
