package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// certificate checks that a certificate comes with its key. What the files hold is
// looked at when they are read.
func (v *validator) certificate(path string, t TLS) {
	switch {
	case t.Cert == "" && t.Key != "":
		v.problem(path+".cert", "is needed beside key")
	case t.Cert != "" && t.Key == "":
		v.problem(path+".key", "is needed beside cert")
	}
}

func (v *validator) origins(path string, origins []string) {
	for i, o := range origins {
		at := fmt.Sprintf("%s[%d]", path, i)
		if o == "*" {
			v.warn(at, "pages of every origin may call the API from a browser")
			continue
		}
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Scheme+"://"+u.Host != o || strings.Count(o, "*") > 1 {
			v.problem(at, "%s is not an origin such as https://app.example.com", quote(o))
		}
	}
}

func (v *validator) cache() {
	c := &v.c.Cache
	if c.MaxEntry < 1<<10 {
		v.problem("cache.max_entry", "must be at least 1KiB")
	} else if c.Memory != 0 && c.MaxEntry > c.Memory {
		v.problem("cache.max_entry", "must not be above memory")
	}
	if c.Memory == 0 {
		for i := range v.c.Routes {
			if r := &v.c.Routes[i]; r.Cache.TTL > 0 {
				v.warn(join("routes", r.Name)+".cache", "keeps nothing: cache.memory is 0")
			}
		}
	}
}

func (v *validator) admin() {
	a := &v.c.Admin
	if a.Session < time.Minute || a.Session > 30*day {
		v.problem("admin.session", "must be between 1m and 30d")
	}
	o := &a.OIDC
	if o.Issuer == "" {
		if o.ClientID != "" || o.ClientSecret != "" || o.RedirectURL != "" || len(o.Roles) > 0 {
			v.problem("admin.oidc.issuer", "is needed: the OpenID Connect provider's address")
		}
		return
	}
	v.web("admin.oidc.issuer", o.Issuer)
	if o.ClientID == "" {
		v.problem("admin.oidc.client_id", "is needed beside issuer")
	}
	if o.ClientSecret == "" {
		v.problem("admin.oidc.client_secret", "is needed beside issuer")
	}
	if o.RedirectURL == "" {
		v.problem("admin.oidc.redirect_url", "is needed beside issuer")
	} else {
		v.web("admin.oidc.redirect_url", o.RedirectURL)
	}
	if o.RoleClaim == "" {
		v.problem("admin.oidc.role_claim", "is empty")
	}
	if len(o.Roles) == 0 {
		v.problem("admin.oidc.roles", "there are none: nobody could sign in")
	}
	for _, r := range o.Roles {
		at := join("admin.oidc.roles", r.Name)
		if v.word(at, r.Role, "admin", "operator", "viewer", "key-owner") && r.Role == "key-owner" && o.OwnerClaim == "" {
			v.problem(at, "key-owner needs owner_claim: whose keys are theirs?")
		}
	}
}

// web checks an address that is called or shown to browsers: https, or http on this
// machine.
func (v *validator) web(path, address string) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		v.problem(path, "must be an address that begins with https:// or http://")
	case u.User != nil:
		v.problem(path, "must not hold a user or a password")
	case u.Scheme == "http" && !private(u.Hostname()):
		v.warn(path, "secrets travel unencrypted over http")
	}
}

func (v *validator) store() {
	s := &v.c.Store
	dsn := s.DSN.Reveal()
	switch {
	case !v.word("store.driver", s.Driver, "sqlite", "postgres"):
	case dsn == "":
		v.problem("store.dsn", "is empty")
	case s.Driver == "postgres" && !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://"):
		v.problem("store.dsn", "must begin with postgres://, as in postgres://user:password@host:5432/sluice")
	case s.Driver == "sqlite" && (strings.Contains(dsn, "://") || strings.HasPrefix(dsn, "file:")):
		v.problem("store.dsn", "is an address; for sqlite it is the path of a file, or :memory:")
	}
	if s.EncryptionKey != "" {
		if _, err := ParseEncryptionKey(s.EncryptionKey); err != nil {
			v.problem("store.encryption_key", "%s", err)
		}
	} else if len(s.OldEncryptionKeys) > 0 {
		v.problem("store.old_encryption_keys", "need encryption_key beside them: what seals from now on?")
	}
	for i, k := range s.OldEncryptionKeys {
		if _, err := ParseEncryptionKey(k); err != nil {
			v.problem(fmt.Sprintf("store.old_encryption_keys[%d]", i), "%s", err)
		}
	}
	if s.Retention != 0 && s.Retention < time.Hour {
		v.problem("store.retention", "must be at least 1h, or 0 for ever")
	}
	if s.Content.Max < 1<<10 || s.Content.Max > 16<<20 {
		v.problem("store.content.max", "must be between 1KiB and 16MiB")
	}
	if s.Content.Retention != 0 && s.Content.Retention < time.Minute {
		v.problem("store.content.retention", "must be at least 1m, or 0 for as long as the request")
	}
	if s.Memory < 1<<20 {
		v.problem("store.memory", "must be at least 1MiB")
	}
	if s.Spool.Max != 0 && s.Spool.Max < 1<<20 {
		v.problem("store.spool.max", "must be at least 1MiB, or 0 for none")
	}
}

func (v *validator) budgets() {
	b := &v.c.Budgets
	if b.Driver == "redis" {
		v.problem("budgets.driver", "redis is not available in this version; use memory")
	} else if v.word("budgets.driver", b.Driver, "memory", "redis") && b.URL != "" {
		v.problem("budgets.url", "has no meaning for the driver memory")
	}
}

func (v *validator) telemetry() {
	t := &v.c.Telemetry
	if t.OTLPEndpoint != "" {
		v.web("telemetry.otlp_endpoint", t.OTLPEndpoint)
	}
	for _, h := range t.OTLPHeaders {
		at := join("telemetry.otlp_headers", h.Name)
		if h.Name == "" || strings.Trim(strings.ToLower(h.Name), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			v.problem(at, "%s is not a header's name", quote(h.Name))
		}
		if strings.ContainsFunc(h.Value.Reveal(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
			v.problem(at, "holds characters that cannot stand in a header")
		}
	}
	if t.Sample < 0 || t.Sample > 1 {
		v.problem("telemetry.sample", "must be between 0 and 1")
	}
	if t.ServiceName == "" {
		v.problem("telemetry.service_name", "is empty")
	}
}

func (v *validator) alerts() {
	names := map[string]int{}
	for i := range v.c.Alerts {
		a := &v.c.Alerts[i]
		at := fmt.Sprintf("alerts[%d]", i)
		switch first, dup := names[a.Name]; {
		case a.Name == "" || len(a.Name) > 64 || strings.ContainsFunc(a.Name, notInName):
			v.problem(at+".name", "an alert needs a name of 1 to 64 characters without spaces")
		case dup:
			v.problem(at+".name", "%s is the name of alerts[%d] already", quote(a.Name), first)
		default:
			names[a.Name] = i
		}
		if a.Disabled {
			continue
		}
		v.condition(at, a)
		if a.For > day {
			v.problem(at+".for", "must be at most 24h")
		}
		if len(a.Do) == 0 {
			v.problem(at+".do", "is empty; to take the alert out, write disabled: true")
		}
		for j, do := range a.Do {
			v.action(fmt.Sprintf("%s.do[%d]", at, j), do)
		}
	}
}

// condition checks what an alert watches, and that it can end.
func (v *validator) condition(at string, a *Alert) {
	if a.When.Reading == "" {
		v.problem(at+".when", "is needed: a condition such as queue_depth > 100")
		return
	}
	if _, err := parseAlertValue(a.When.Reading, a.Clear.Text); a.Clear.Given && err != nil {
		v.problem(at+".clear", "%s has no usable value: %s", quote(a.Clear.Text), err)
		return
	}
	switch {
	case a.Clear.Given && strings.HasPrefix(a.When.Op, ">") && a.Clear.Value > a.When.Value,
		a.Clear.Given && strings.HasPrefix(a.When.Op, "<") && a.Clear.Value < a.When.Value:
		v.problem(at+".clear", "lies on the side of the bound where the alert fires")
	}
}

// receiver checks where a webhook goes, as far as its address tells before its name is
// resolved.
func (v *validator) receiver(at string, u *url.URL) {
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err == nil && (ip.IsLoopback() || ip.IsPrivate()) {
		ip = ip.Unmap()
		if !slices.ContainsFunc(v.c.Server.WebhookNetworks, func(n netip.Prefix) bool { return n.Contains(ip) }) {
			v.problem(at, "leads to a private address: webhooks go there only where server.webhook_networks has its network")
		}
		return
	}
	if u.Scheme == "http" && !private(host) {
		v.warn(at, "alerts travel unencrypted over http")
	}
}

func (v *validator) action(at string, a Action) {
	switch a.Kind {
	case "shed":
		v.word(at+".shed", a.Class, "low", "normal", "high")
	case "webhook":
		u, err := url.Parse(a.URL.Reveal())
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
			v.problem(at+".webhook.url", "must be an address that begins with https:// or http://")
		} else {
			v.receiver(at+".webhook.url", u)
		}
		if a.Secret == "" {
			v.problem(at+".webhook.secret", "is needed: it signs what is sent, so that the receiver can tell it from a forgery")
		} else if len(a.Secret) < 16 {
			v.warn(at+".webhook.secret", "is short and can be guessed; use at least 16 random characters")
		}
	}
}

// tags checks words for people.
func (v *validator) tags(path string, tags []string) {
	if len(tags) > 32 {
		v.problem(path, "are more than 32")
	}
	for i, t := range tags {
		if t == "" || len(t) > 64 || strings.ContainsFunc(t, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			v.problem(fmt.Sprintf("%s[%d]", path, i), "a tag has 1 to 64 characters")
		} else if slices.Contains(tags[:i], t) {
			v.problem(fmt.Sprintf("%s[%d]", path, i), "%s is on this list already", quote(t))
		}
	}
}

// proxy checks the proxy of a provider. Nothing of it is printed: it may hold a password.
func (v *validator) proxy(path string, p *Provider) {
	if p.Proxy == "" {
		return
	}
	u, err := url.Parse(p.Proxy.Reveal())
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" ||
		!slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		v.problem(path, "must be http://, https:// or socks5:// and a host, such as http://user:password@proxy.internal:3128")
	}
	if p.Dialect == "simulated" && p.BaseURL == "" {
		v.problem(path, "has no meaning for a simulated provider inside the gateway")
	}
}
