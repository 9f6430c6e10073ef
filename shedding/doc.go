// Package shedding decides who is refused under pressure: early, on purpose, the
// least important work first.
//
// Pressure is backlog, not an empty budget: the utilisation of a Load is the largest
// of how full the calls in flight are, how full the queue is, and how long the work
// already queued will take against the time a call may wait. With nothing queued and
// room in flight nobody is shed, so idle budget is never withheld from a low class.
//
// A Class is admitted while utilisation is below its threshold. When a queue is at its
// bound all the same, WhenFull says who leaves it. Everything here is pure and safe for
// concurrent use.
package shedding
