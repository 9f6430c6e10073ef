// Package admission decides which upstream account takes which call, and when.
//
// Candidate choice, reservation and waiting are one decision, made by a Pool: the
// set of lanes (an account's limit group) that routes join together. Pools share no
// lane, so they never contend.
//
// A Pool is a state machine. Events go in (Arrive, Refined, Settle, Observe, Retry,
// Acquired, Cancel), each with the moment it happened; Step answers with the effects
// (grants, refusals, requests for an exact estimate) and the next moment at which
// something can change by the passing of time alone. The package has no goroutine,
// no clock and no I/O, so the gateway drives it with real time and a simulation
// drives the very same code with virtual time.
//
// Order. Classes are strict: critical, high, normal, low. Within a class the earlier
// arrival goes first, and a retry keeps the place of its first arrival. A blocked
// call earmarks the lane that can take it earliest; those behind it may use other
// lanes, never that one, so big calls are not starved by small ones.
//
// Choice. A call's targets are an ordered list. Among the lanes of the first target
// that has room, the one with the most headroom left after this very demand is
// taken; among the keys of its account, the next in turn.
//
// A Pool is not safe for concurrent use: its driver holds one short lock around
// every event and the Step that follows.
package admission
