// Package alerts decides when somebody has to be told: rules over readings, and what has
// become of each.
//
// A [Rule] is a condition, such as queue_depth > 100, how long it has to hold, and where it
// ends. A [Reading] is a number with labels; a rule has one [Alert] for each set of labels
// that its metric is read with, so that one key that is down does not hide another. An
// alert is pending while its condition has not held for long enough, then firing, then
// resolved. It fires beyond the threshold and resolves only at the clear value, on the
// other side of a band in which nothing changes: a reading that trembles around the
// threshold fires once.
//
// An [Engine] takes readings with the moment they were taken and answers what has changed.
// It has no clock and does no I/O; who is told, and how, is its caller's business. The alerts
// that it follows per rule are bounded.
package alerts
