// Package platforms tests the policies that ship, for each platform, on the Pods that its programs really
// send and on those of people's reports: the decision with the oracle, `userscope check`, a real API server
// with webhook and backstop, and the same with the webhook configurations deleted.
//
// Each file of testdata/cases is one Pod and what has to become of it. testdata/jupyterhub-names.json has
// the spellings of names, after KubeSpawner 7.1's kubespawner/slugs.py.
package platforms
