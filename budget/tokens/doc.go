// Package tokens tells how many tokens a call is, before it is sent.
//
// Input. A Prompt is slices of the request's own body. Bound is a cheap upper bound
// from one look at its bytes, or at a sample of them; Count is exact for models whose
// encoding is known: a scanner splits text as the encoding's pattern does, each piece
// is looked up in the vocabulary, and what is not there is merged in near-linear time.
// A piece of more than 128 KiB in which tokens could reach anywhere is cut, which may
// cost a token at each cut. The vocabulary is tiktoken's, embedded; the network is
// never used. Counts of long texts are cached by content, so a growing conversation is
// counted once.
//
// Calibration. Models with other tokenizers, and overheads that nobody publishes, are
// met by a ratio per upstream model that learns from the providers' own counts, in
// batches, so that calls in flight cannot make it swing.
//
// Output. What a call declares bounds it; within that, a quantile learned per route
// and model says what to expect.
//
// Until Load is done, exact counts are bounds. Everything is safe for concurrent use
// and bounded in memory.
package tokens
