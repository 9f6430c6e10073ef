// Package recording makes the ledger's rows of what telemetry tells: one row per attempt
// when it is settled, one per request when it has ended. It is the only place that knows
// both words.
//
// A [Recorder] runs on the request's own goroutine and only copies; what becomes of the
// rows is the ledger's. Requests without a valid client key are rows too, but at most
// [MaxAnonymous] in a second: others cost nothing and would let a stranger fill the
// database. How many were left out is counted.
//
// Prompts and answers come with a record only where keeping them is switched on. What
// looks like a credential in them is masked first: values behind "Bearer" and "Basic",
// keys by the prefixes of well-known issuers (sk-, gsk_, AIza, AKIA, ghp_, xox…), JSON web
// tokens and private keys in PEM. A secret without such a form is not recognised: whoever
// switches content on keeps what is said.
package recording
