package api

import "net/http"

// Key is one upstream key, by its fingerprint.
type Key struct {
	Fingerprint string `json:"fingerprint"`
	State       string `json:"state"` // enabled, draining or disabled
	Reason      string `json:"reason,omitempty"`
}

// Upstream is one account of a provider.
type Upstream struct {
	Provider string `json:"provider"`
	Account  string `json:"account"`
	InFlight int    `json:"in_flight"`
	Keys     []Key  `json:"keys"`
}

// Upstreams shows accounts and their keys.
type Upstreams interface{ Upstreams() []Upstream }

// UpstreamEndpoints show the upstreams.
func UpstreamEndpoints(u Upstreams) []Endpoint {
	return []Endpoint{{
		Method: http.MethodGet, Path: "/upstreams", ID: "upstreams.list", Tag: "upstreams",
		Summary: "Every account of every provider, with its keys by fingerprint",
		Roles:   Readers(), Answer: List[Upstream]{},
		Handle: func(*Call) (any, error) { return Page(u.Upstreams(), ""), nil },
	}}
}
