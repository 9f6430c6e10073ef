// Package auth knows client keys: what they look like, how they are found, what they
// allow.
//
// A credential is looked up by its SHA-256, so the look-up costs one hash and one access
// whatever is presented, learns nothing from how much of a guess was right, and never
// meets a database. Keys of the configuration file are in an immutable [Index], which is
// replaced whole with its configuration. Keys that were made at run time are in a
// [Directory], which outlives configurations: a change of one key counts from the next
// look-up on. What a [KeyStore] keeps is a [Stored]; what the Directory makes of it, in a
// quarter of a kilobyte, is a [Live]. Both kinds are read only.
//
// The Directory knows nothing of stores: whoever loads it brings every change of every
// node to it, and decides what to do while a store does not answer.
package auth
