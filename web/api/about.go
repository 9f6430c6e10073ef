package api

import (
	"net/http"

	"github.com/sluice-gateway/sluice/web/access"
)

// About is what a page needs to know of the gateway itself.
type About struct {
	Version string `json:"version"`
	// API is where applications call.
	API    string   `json:"api"`
	Routes []string `json:"routes"`
	// DemoKey is the demo's client key, which is no secret; empty: there is no demo.
	DemoKey string `json:"demo_key,omitempty"`
	// Keys are the names of the configuration's client keys; of a key-owner, the own.
	Keys []string `json:"keys"`
	Node string   `json:"node,omitempty"`
}

// AboutEndpoints say what this gateway is.
func AboutEndpoints(about func(access.Identity) About) []Endpoint {
	return []Endpoint{{
		Method: http.MethodGet, Path: "/about", ID: "about.show", Tag: "meta", Summary: "Version, address of the API, routes",
		Roles: Everybody(), Answer: About{},
		Handle: func(c *Call) (any, error) { return about(c.Who), nil },
	}}
}
