// Package request reads what the gateway needs of a client's JSON body, in one strict
// pass, and writes the body for an upstream by editing a few spans of it.
//
// The body is never rebuilt: fields that the gateway does not know travel byte for
// byte. Texts are handed on as slices of the body. Duplicate names, invalid UTF-8,
// trailing data and deep nesting are refused, so that the gateway and an upstream
// cannot read one body in two ways.
package request
