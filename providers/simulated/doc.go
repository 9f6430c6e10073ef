// Package simulated is an OpenAI-compatible upstream without a model: it enforces
// limits per account by the algorithms that real providers use, streams at a token
// rate, and fails on request. It is the demo's upstream, the tests' peer and the load
// generator's target.
//
// Quota is pure: time is an argument, so a simulation can drive the same limits in
// virtual time. Server puts it behind HTTP; Transport reaches a Server inside the
// process, without sockets. Stats are the provider's own truth of what it counted.
package simulated
