// Package api is the admin API: one table of endpoints, and what serves them.
//
// An [Endpoint] says everything about one operation: where it is, who may use it, what
// it takes and answers, and the function that does it. The router, the check of roles,
// the audit log and the OpenAPI document are made from that one table, so none of them
// can differ from another. Who asks is access.Of(ctx); without an identity, or with a
// role that the endpoint does not name, nothing is done.
//
// A resource is a file: a function that answers its endpoints, given the small interface
// of whatever is behind it. What the gateway is asked stands in such interfaces, never
// in an import of it.
//
// Handlers answer a value, which becomes JSON, or an error. An *[Error] is told as it is;
// the errors of auth (not found, conflict, exists) have their statuses; any other error
// is logged and told as internal. Nothing of a request's secrets reaches either.
package api
