package config

import (
	"net/netip"
	"time"
)

// Server is how the gateway is reached.
type Server struct {
	// Listen is the address of the API. Default 127.0.0.1:8080.
	Listen string `yaml:"listen"`
	// AdminListen is the address of /metrics and the admin API. Default
	// 127.0.0.1:8081. Beyond loopback the gateway starts only with an AdminToken, or
	// where an account of the role admin is stored.
	AdminListen string `yaml:"admin_listen"`
	// MetricsListen serves /metrics a second time. Default empty: nowhere else.
	MetricsListen string `yaml:"metrics_listen"`
	// AdminToken is an admin's bearer token for the admin API. Empty: where no admin is
	// stored, one is made at start and shown once, on a loopback AdminListen only.
	AdminToken Secret `yaml:"admin_token"`
	// MaxBody bounds a request's body in bytes. Default 20 MiB; zero is refused.
	MaxBody int64 `yaml:"max_body,size"`
	// MaxInFlight bounds the calls inside the gateway, waiting ones included.
	// Default 4096. Zero: no bound.
	MaxInFlight int `yaml:"max_in_flight"`
	// MaxBodyMemory bounds the bytes of all request bodies in memory together. Default
	// 1 GiB. Zero: no bound.
	MaxBodyMemory int64 `yaml:"max_body_memory,size"`
	// HeapLimit is the share of the process's memory limit (GOMEMLIMIT, or the
	// container's) from which new calls are refused, 0 to 1. Default 0.85. Zero: never.
	HeapLimit float64 `yaml:"heap_limit,ratio"`
	// Trails is how many finished requests keep the trail of their decisions for
	// explain. Default 1000. Zero: none.
	Trails int `yaml:"trails"`
	// DrainTimeout is how long open calls may take to end after SIGTERM. Default
	// 30 s. Zero: they are cut at once.
	DrainTimeout time.Duration `yaml:"drain_timeout"`
	// WriteTimeout bounds how long a client may take to accept one chunk of an
	// answer. Default 30 s; zero is refused.
	WriteTimeout time.Duration `yaml:"write_timeout"`
	// TrustedProxies are the networks whose X-Forwarded-For counts. Default none.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	PerIP          PerIP          `yaml:"per_ip"`
	// TLS is the API's certificate, AdminTLS that of the admin and metrics listeners.
	// Default none: plain HTTP. Both are read again when the files change.
	TLS      TLS  `yaml:"tls"`
	AdminTLS TLS  `yaml:"admin_tls"`
	CORS     CORS `yaml:"cors"`
	// Allow are the networks that may call the API, AdminAllow those that may reach the
	// admin and metrics listeners. Default none given: all.
	Allow      []netip.Prefix `yaml:"allow"`
	AdminAllow []netip.Prefix `yaml:"admin_allow"`
	// WebhookNetworks are the loopback, private and otherwise special networks that
	// webhooks may be sent to. Default none: they go to public addresses only.
	WebhookNetworks []netip.Prefix `yaml:"webhook_networks"`
}

// TLS is a certificate and its key, both in PEM. The zero value is plain HTTP.
type TLS struct {
	// Cert is the file of the certificate, followed by those that vouch for it. A
	// relative path begins at the configuration's directory, as does Key's.
	Cert string `yaml:"cert,path"`
	Key  string `yaml:"key,path"`
}

// CORS is which pages of other origins may call the API from a browser.
type CORS struct {
	// Origins are such as https://app.example.com; * stands for all, or for a part of
	// one name. Default none.
	Origins []string `yaml:"origins"`
}

// Admin is how people sign in at the admin API.
type Admin struct {
	// Session is how long a sign-in lasts. Default 12 h; zero is refused.
	Session time.Duration `yaml:"session"`
	OIDC    OIDC          `yaml:"oidc"`
}

// OIDC signs people in through an OpenID Connect provider. Without an Issuer it is off.
type OIDC struct {
	Issuer       string `yaml:"issuer"`
	ClientID     string `yaml:"client_id"`
	ClientSecret Secret `yaml:"client_secret"`
	// RedirectURL is where the provider sends people back to:
	// https://<admin listener>/admin/api/v1/oidc/callback.
	RedirectURL string `yaml:"redirect_url"`
	// RoleClaim is the claim whose values Roles translate. Default groups.
	RoleClaim string `yaml:"role_claim"`
	// Roles say which value of the claim gives which role, the first that matches. Who
	// has none of them is not let in.
	Roles []OIDCRole `yaml:"roles,keyed"`
	// OwnerClaim is the claim that names a key-owner's owner. Default empty: key-owners
	// cannot sign in.
	OwnerClaim string `yaml:"owner_claim"`
}

// OIDCRole gives a role to a claim's value. In the file it is an entry of a mapping.
type OIDCRole struct {
	Name string // the claim's value
	Role string // admin, operator, viewer or key-owner
}

// PerIP bounds what one client address may do, before any key is looked at.
type PerIP struct {
	// RPM is requests per minute. Default and zero: no bound.
	RPM int64 `yaml:"rpm,count"`
	// Concurrency is calls in flight. Default and zero: no bound.
	Concurrency int64 `yaml:"concurrency,count"`
}
