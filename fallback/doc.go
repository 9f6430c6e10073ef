// Package fallback says what a failed upstream attempt means for its call: try
// another account, the next target, or give up; and what it means for others: keep
// off the account for a while, take the key out.
//
// A rate limit is the account's, not the target's: the call goes back to choosing,
// where another account of the same target comes first, and waits there when none has
// room. A sick upstream is tried once more elsewhere after a backoff with full jitter.
// What the provider says about when to come back goes before any backoff of ours. A
// request that is itself at fault is given up at once.
//
// Two more keep one upstream's trouble small: a Breaker stops asking an upstream that
// fails, and finds out with one call at a time when it is well; a RetryBudget bounds
// the retries by the calls.
//
// Everything here is pure: time and randomness are arguments, and nothing is shared.
// A Policy is a value that any number of goroutines may use; a Breaker or a
// RetryBudget belongs to whoever holds its lock.
package fallback
