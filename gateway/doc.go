// Package gateway is the data plane: an OpenAI-compatible API in front of many
// upstream accounts.
//
// Every request walks the same way (exchange.go): authenticate, decode, resolve,
// estimate, admit, attempt, deliver, settle, record. Two holds are taken on it. The
// door hold, over the budgets of the client key, its owner and the route, is taken
// once and refuses at once. The attempt hold, over one upstream account's buckets, is
// taken by the admission pool for every attempt. Both end exactly once, whatever
// happens.
//
// Decisions are not made here: who goes where and when is decided by
// gateway/admission, what a failure means by fallback. This package gives them real
// time, goroutines and sockets: a dispatcher drives one pool under one short lock.
//
// All that comes from one configuration is a generation, swapped whole by Apply.
// Requests keep the generation they began with; waiting calls move to the new one.
package gateway
