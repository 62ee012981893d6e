// Package expressions compiles every CEL expression of the chart as the oldest supported API server does,
// and evaluates them as today's does, without an API server. Its tests hold the backstop against the
// fixtures of every rule, name the rules that CEL cannot hold, and weigh what the expressions cost.
package expressions
