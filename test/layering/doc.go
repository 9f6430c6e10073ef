// Package layering holds the tests that keep the project's shape: which package may
// import which, that the decision code has no clock, goroutine or I/O of its own, that
// no package keeps mutable state, and that files can be read in one sitting.
//
// Every ban tells its reason where it fails. A new package is first given a place in
// the table of imports_test.go.
package layering
