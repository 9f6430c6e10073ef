// Package providers is what the gateway asks of an upstream API, and what every
// upstream's dialect shares.
//
// A [Dialect] turns a [Call] into an HTTP request and turns what comes back into
// OpenAI's form: a whole [Answer], a [Stream] of [Event] values, or a [Failure]. It
// never talks to the network itself; the caller owns the client, the deadlines and
// the order of things.
//
// Upstreams that speak the same dialect still differ in how they charge a call, how
// they report what is left and how they refuse. Those differences are data: a
// [Preset] holds the charging policy by name, a table of [HeaderRule] values that
// say which headers mean what, and a table of [Rule] values that say what a refusal
// means. [Classify] and [ObserveHeaders] apply them. The same words mean opposite
// things at different providers (insufficient_quota is final at one and an ordinary
// throttle at another), so a code is never read without its preset.
//
// What an upstream writes is hostile input. Every parser here is bounded, ignores
// what makes no sense (negative waits, NaN, dates in the past), and what may reach a
// client or a log passes through [Sanitise] first.
//
// Nothing here reads a clock: the moment is an argument.
package providers
