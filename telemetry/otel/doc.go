// Package otel sends traces and metrics to an OpenTelemetry collector, over OTLP and HTTP,
// in the semantic conventions for generative AI.
//
// One request is one span of kind server, and each of its attempts a child of kind client.
// They are made from the finished Record with its own times, so nothing of it stands in a
// request's way. Their parent is the client's, where its traceparent header is valid: then
// its sampled flag decides whether the request is traced; otherwise the configured share.
// Nothing of a trace is sent to an upstream.
//
// What the conventions have no word for is named sluice.*: what was estimated, what it
// cost, how long it queued, who is at fault. Metrics are of attempts: duration, tokens, time
// to the first chunk. Prompts, answers, credentials and the text of errors are in neither.
//
// A collector that is dead or slow costs nothing: finished requests wait in a bounded
// queue, one goroutine exports them in batches with a timeout, and what finds no room or
// does not arrive is dropped and counted.
package otel
