// Package web is the second surface: what operators see. It puts the admin listener
// together: /metrics and /healthz without a token, the admin API of web/api behind
// web/access. It never imports the gateway; what it asks of it are small interfaces.
package web
