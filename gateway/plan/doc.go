// Package plan turns a configuration into what the decision core works with: limits
// as their holders count them, charging, adaptive rates, routes' policies; and a failed
// attempt into what the pool is told. The gateway and the simulation both build on it,
// so that what is simulated is what serves. It is pure.
package plan
