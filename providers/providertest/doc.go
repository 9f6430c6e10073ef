// Package providertest is the conformance suite that every dialect passes.
//
// Two things are asked of a dialect. What it makes of its upstreams' words is told by
// fixtures, files of the dialect's own:
//
//	errors/<preset>.json    answers that are refusals, and the Failure each is
//	headers/<preset>.json   headers, and the Observations they are
//	answers/<preset>.json   whole answers, and what is let through
//	streams/<preset>.<case>.sse and .golden
//	                        streams, and their transcripts
//
// What holds for all of them is in the suite itself: a request carries its key in one
// header and nothing of the client's secrets; no answer, however broken, makes a
// dialect panic, wait without end or repeat a secret; a stream says the same wherever
// its bytes are split, and never that it is done when it was cut before its answer
// was finished; everything may be called from many goroutines at once.
package providertest
