// Package alerting reads what the gateway does, once a second, holds it against the alert
// rules and does what they say: write to the log, call a webhook, shed a class of calls,
// disable an upstream key.
//
// Rules are package alerts' own: the shipped ones, and those of the configuration, which
// replace shipped ones of the same name. What they watch comes from a [Meter], which
// counts the last minute's requests and attempts as a sink, and from small functions
// that are asked for levels.
//
// Shedding is a state and not an event: as long as an alert with that action fires and is
// not muted, its class is shed, and no longer. The other actions follow changes. Nothing
// here is on a request's way: a webhook that does not answer delays nobody, not even
// another webhook.
//
// A webhook is a POST of JSON, signed: X-Sluice-Signature is t=<Unix seconds>,v1=<hex of
// HMAC-SHA-256 over "<t>.<body>"> under the webhook's secret. A receiver computes the same
// and refuses what is older than a few minutes. It is tried six times within half a
// minute or so; X-Sluice-Delivery is the same each time. A destination that is
// link-local, where clouds keep credentials, is not called, and no redirect is followed.
package alerting
