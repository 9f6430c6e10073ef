// Package web is the second surface: what operators see. It serves the admin
// listener: /metrics without a token, and the admin API under /admin/api/v1, where
// every route needs the bearer token. It never imports the gateway; what it asks of
// it is the small Gateway interface.
package web
