// Package budget keeps rate budgets: what may still be spent of a limit, now.
//
// A Limit is an amount of a Dimension per window, with a burst. Its live state is a
// bucket; a Scope is one holder's buckets: a client key's, an owner's, a route's, an
// upstream account's for one group of models. Reserve takes a Demand from every
// bucket of up to four scopes, all or nothing, into a Hold; the hold ends exactly
// once: Settle gives back what was not used and charges what was used beyond it
// (debt), Cancel gives back everything.
//
// Time is an argument everywhere: there is no goroutine, no clock and no I/O here.
// Instants that go backwards are taken as the last one seen. Scopes are safe for
// concurrent use; each has one short lock, and a reservation takes those it needs in
// a fixed order.
//
// Buckets come in kinds. Rate is GCRA: one timestamp carries level, refund and debt.
// FixedWindow and SlidingWindow mirror upstreams that count so. Calendar begins anew
// with the day or month of a time zone. Gauge counts what is in flight.
package budget
