// Package upstreams is what stands behind the admin API's view of providers, accounts and
// upstream keys: their health, state and recent failures; what operators want of them; and
// the keys that are given through the API.
//
// What operators say lies in a [vault.Store]: a row per key, per account (no fingerprint)
// or per provider (no account either), keys sealed by a vault. It reaches the gateway as an
// overlay on the configuration, whole each time, after it was written: what could not be
// kept is not in force. Other nodes look at the rows once a second, so what is said on one
// counts on all.
//
// A key never leaves: answers, logs and errors have its fingerprint only. A key that is in
// the configuration and in the store counts once.
package upstreams
