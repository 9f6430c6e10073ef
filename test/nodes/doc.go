// Package nodes shows what several nodes on one store know of client keys, and what they
// do while the store is gone, on both engines.
package nodes
