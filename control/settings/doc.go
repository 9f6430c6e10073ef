// Package settings decides which configuration is in force, and changes it.
//
// There are two sources: the file, and versions that were applied through the admin API,
// kept in a [history.Store]. A version is a whole text that lies over the file; while one
// is active the file is not applied, and a change of the file is reported as a conflict
// until somebody applies a version that knows the changed file, or goes back to it.
//
// SIGHUP, a change of the file, an apply, an edit of one value and a rollback all take
// one path: read, parse, validate, prepare everything that can fail, keep the version,
// and only then swap. Until the swap nothing live has been touched, so whatever goes
// wrong before it changes nothing. The parts of the program that follow the
// configuration are [Applier]s; the data plane is one of them.
//
// Texts from the admin API may do less than the file (see [config.Options]): they read
// nothing of the host through references, and send no secret to another host. Their
// literal secrets are shown as placeholders, and sealed where they are kept.
package settings
