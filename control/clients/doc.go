// Package clients manages client keys and their owners: it makes, edits, rotates and
// revokes them, and keeps the memory of this node as the store is.
//
// The store is what counts: a change is first committed there, guarded by the version it
// was made from, and then put into the [auth.Directory] in the same call, so it is in
// force on this node when the call returns. A [Service] asks the store twice a second
// what others have changed; so it is in force on every other node within a second. While
// the store does not answer, the keys that are known go on working, changes are refused,
// and [Service.Stale] tells how old the knowledge is.
//
// A credential is answered once, by the call that made it. Neither it nor anything that
// could be turned into it is kept, logged or told again.
//
// What somebody writes is checked in the words of the configuration file, against the
// routes and owners of the configuration in force. What was wrong before an edit and is
// not touched by it does not keep the edit from being made: a key can always be disabled.
package clients
