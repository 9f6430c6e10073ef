// Package simulation runs recorded traffic through the decision core in virtual time:
// the admission pool, budgets, verdicts and shedding that serve, against a model of how
// each provider counts. Time comes from a heap of events, so that an hour of traffic
// takes a second or so, and a seed gives the same answer every time.
//
// A run is one goroutine; several may run side by side.
package simulation
