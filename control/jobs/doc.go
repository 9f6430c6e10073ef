// Package jobs runs simulations for the admin API: one at a time, a few waiting, each
// bounded in calls, memory and time. It calls package simulation and nothing else, so a
// job's answer is the one that the command gives.
//
// A job's trace is read before the job is taken in, so that what is wrong with it is told
// at once; what it will take is estimated then, and refused where it is too much. A job
// runs on a thread of its own with the lowest priority where the system has one: calls
// that are served come first. The last results are kept in memory, and none outlive the
// process.
//
// The last hour comes from whatever keeps requests: the ledger, or a [Tape], which
// remembers the last calls in memory.
package jobs
