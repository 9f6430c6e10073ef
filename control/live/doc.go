// Package live is the gateway's present: what happened in the last seconds, what the
// budgets and the queue look like, and the one sentence of what limits now.
//
// A [Meter] counts finished requests in windows that forget by themselves: seconds of the
// last minute, tens of seconds of the last hour, minutes of each route's last ten. It is
// a sink on every request's way and costs a short lock.
//
// A [Hub] looks at the meter and at the gateway once a second, and only while somebody
// watches. It tells each watcher the whole state once and what has changed afterwards; a
// watcher that does not keep up is left behind, and comes back to a new beginning. So a
// closed page costs nothing, and a slow one costs nobody else.
//
// What is told in a second is bounded, however many accounts there are: of rows the most
// urgent changes go first, states before levels and large moves before small ones, and
// the others follow. Amounts that move all the time have three significant digits.
package live
