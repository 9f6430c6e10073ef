// Package cache keeps complete answers in memory, by the name of what was asked, and
// lets calls of one name that come together wait for one of them.
//
// What is kept takes a bounded number of bytes, answers that are still being recorded
// included. The least recently used goes first; an answer has a time to live, and an
// answer above the entry's bound is never kept. Time is an argument.
//
// The first call that finds no answer leads a flight: it asks an upstream, and the
// others of its name follow, each for as long as its own patience lasts. When the leader
// brings the whole answer, every follower gets it. When the leader leaves without one,
// because its client has gone or its upstream failed, the next follower leads: no
// follower is told another call's failure. After maxFailures failures in one flight the
// rest go on their own, as if there were no cache. So do they when the answer grows
// above the entry's bound. Followers get a stream when it has ended, not as it comes: an
// answer that breaks off has been shown to nobody but its leader.
//
// Which calls have the same name, who may read whose answers and which answers are worth
// keeping is the gateway's business.
package cache
