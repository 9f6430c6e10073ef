package config

import (
	"net/url"
	"slices"
	"strings"
)

// foreign checks a configuration from the admin API against the file's: what only the
// host's owner may say, and where secrets go.
func (v *validator) foreign(o Options) {
	ours, theirs := hostOnly(v.c), hostOnly(o.File)
	for _, path := range sortedKeys(ours) {
		if value := ours[path]; value != "" && value != theirs[path] {
			v.problem(path, "is for the file alone to say: a configuration from the admin API names no files, databases, encryption keys and private networks of the host")
		}
	}
	known := append(slices.Clone(o.Known), o.File)
	homes := map[Secret][]string{}
	for _, c := range known {
		if c == nil {
			continue
		}
		for _, s := range c.sent() {
			homes[s.secret] = append(homes[s.secret], s.to)
		}
	}
	for _, s := range v.c.sent() {
		if home := homes[s.secret]; len(home) > 0 && !slices.Contains(home, s.to) {
			v.problem(s.path, "this secret belongs to %s: a configuration from the admin API cannot have it sent to %s; give another secret, or change the file", home[0], s.to)
		}
	}
}

// hostOnly are the values that only the file may say, by path. Secrets are digests.
func hostOnly(c *Config) map[string]string {
	s := &c.Store
	values := map[string]string{
		"server.tls.cert": c.Server.TLS.Cert, "server.tls.key": c.Server.TLS.Key,
		"server.admin_tls.cert": c.Server.AdminTLS.Cert, "server.admin_tls.key": c.Server.AdminTLS.Key,
		"store.driver": s.Driver, "store.dsn": digest(s.DSN), "store.spool.path": s.Spool.Path, "budgets.levels": c.Budgets.Levels,
		"store.encryption_key": digest(s.EncryptionKey),
	}
	for _, n := range c.Server.WebhookNetworks {
		values["server.webhook_networks"] += n.String() + " "
	}
	for _, k := range s.OldEncryptionKeys {
		values["store.old_encryption_keys"] += digest(k) + " "
	}
	for i := range c.Providers {
		p := &c.Providers[i]
		values[join("providers", p.Name)+".ca"] = p.CA
	}
	return values
}

// sending is a secret and where it goes.
type sending struct {
	path   string
	secret Secret
	to     string
}

// sent are the secrets that the gateway sends to somebody, and to whom.
func (c *Config) sent() []sending {
	var all []sending
	for i := range c.Providers {
		p := &c.Providers[i]
		to := origin(p.BaseURL)
		if to == "" {
			continue // a simulated provider inside the gateway
		}
		if p.Proxy != "" {
			to += " through " + origin(p.Proxy.Reveal())
		}
		for j := range p.Accounts {
			for k, key := range p.Accounts[j].Keys {
				all = append(all, sending{item(item(join("providers", p.Name)+".accounts", j)+".keys", k), key.Value, to})
			}
		}
	}
	for _, h := range c.Telemetry.OTLPHeaders {
		all = append(all, sending{join("telemetry.otlp_headers", h.Name), h.Value, origin(c.Telemetry.OTLPEndpoint)})
	}
	if o := &c.Admin.OIDC; o.ClientSecret != "" {
		all = append(all, sending{"admin.oidc.client_secret", o.ClientSecret, origin(o.Issuer)})
	}
	return all
}

// origin is an address' scheme, host and port.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}
