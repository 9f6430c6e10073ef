// Package auth knows client keys: what they look like, how they are found, what they
// allow.
//
// A credential is looked up by its SHA-256 in an immutable Index, so the look-up
// costs one hash and one map access whatever is presented, learns nothing from how
// much of a guess was right, and never meets a database. Index values are replaced
// whole; a Key they hold is read only.
package auth
