// Package attack attacks sandboxes on a real API server, as DeerFlow's provisioner could if it
// were broken or taken over: with Pods (attacks.yaml) and with other requests. Each attack is
// made twice, once where Userscope judges and once in a namespace of the same API server where it
// does not, and what the API server then holds is judged by the oracle, which shares no code with
// Userscope. Both fates are held against what the table says, and docs/threat-model.md shows the
// table:
//
//	go test ./suites/attack -update
//
// The package also holds that all else goes on as before.
package attack
