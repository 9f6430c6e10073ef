// Package fallback says what a failed upstream attempt means for its call: try
// another account, the next target, wait, or give up; and what it means for others:
// keep off the account for a while, take the key out.
//
// A rate limit is the account's, not the target's: the call goes back to choosing,
// where another account of the same target comes first. A sick upstream is tried
// once more elsewhere after a backoff with full jitter. What the provider says about
// when to come back goes before any backoff of ours. A request that is itself at
// fault is given up at once.
//
// Everything here is pure: time and randomness are arguments, nothing is shared.
package fallback
