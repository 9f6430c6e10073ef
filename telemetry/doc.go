// Package telemetry says what happened: one Record describes a finished request, and
// sinks make of it what others read. Metrics counts it for Prometheus, RecordLogger
// writes its one structured line. What has a level rather than an end (buckets,
// queues, keys) is read from a Source when it is scraped.
//
// Names and labels of metrics are fixed by the public contract. Labels have bounded
// values: routes and models are those of the configuration, keys appear by
// fingerprint, and nothing a client sends becomes a label. Nothing here ever holds a
// secret; the log's sink masks what looks like one all the same.
package telemetry
