// Package openai speaks OpenAI's API to any base URL, and makes what comes back what
// OpenAI itself would have sent.
//
// Many upstreams speak this API almost. A [Dialect] takes what they send and lets
// through, byte for byte, whatever is in order; it repairs only what would break a
// client: an "error" that is null, a chunk without choices, a choice without index, a
// first delta without role, a tool call without type or with another one's index, a
// tool's name in pieces. How the upstream charges, reports and refuses comes from its
// [providers.Preset].
//
// A stream ends in exactly one way: Done when the answer was finished, whether or not
// the upstream said [DONE]; a Failure when the upstream said so in the stream; and
// [providers.ErrTruncated] when it just stopped. Events are bounded in size, comments
// in number. Comments are let through at most every so often, for some clients give
// up after a few hundred lines without data.
//
// A chunk is read once, with a tokenizer that checks it on the way. What has to
// change is collected as edits of spans and applied in one copy.
//
// A tool's name may come in pieces, and clients take the last piece for the whole.
// So a chunk that begins a tool call is held until the next one shows that the name
// is complete: this is the only chunk ever held.
package openai
