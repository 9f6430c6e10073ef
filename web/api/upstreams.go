package api

import (
	"context"
	"net/http"
	"time"
)

// Key is one upstream key, by its fingerprint. What an operator wants of it (state) and
// what its use and its probes have shown (health) are apart; it is used only if both
// allow it.
type Key struct {
	Fingerprint string     `json:"fingerprint"`
	Source      string     `json:"source"` // file or stored
	State       string     `json:"state"`  // enabled, draining or disabled: the key's own
	StateSince  *time.Time `json:"state_since"`
	Health      string     `json:"health"`       // unknown, works, invalid, expired or exhausted
	HealthSince *time.Time `json:"health_since"` // null: since the start
	Reason      string     `json:"reason,omitempty"`
	// Usable says that the key takes calls now.
	Usable   bool `json:"usable"`
	InFlight int  `json:"in_flight"`
	// Drained says that the key was to drain and nothing of it is in flight any more.
	Drained   bool       `json:"drained"`
	ExpiresAt *time.Time `json:"expires_at"` // null: not known
	CheckedAt *time.Time `json:"checked_at"` // null: no probe has told anything yet
}

// Upstream is one account of a provider.
type Upstream struct {
	Provider string `json:"provider"`
	Account  string `json:"account"`
	// State is the account's own; ProviderState, that of its provider, may be stricter.
	State         string     `json:"state"`
	StateSince    *time.Time `json:"state_since"`
	ProviderState string     `json:"provider_state"`
	InFlight      int        `json:"in_flight"`
	// Routed says that a route uses the account.
	Routed bool  `json:"routed"`
	Keys   []Key `json:"keys"`
	// Latency is of the last attempts, at most 256.
	Latency Latency `json:"latency"`
	// Failures are counted since the start.
	Failures []UpstreamFailure `json:"failures"`
	Breakers []UpstreamBreaker `json:"breakers"`
}

// Latency is how long attempts took that went well, in milliseconds; 0: there were none.
type Latency struct {
	Attempts     int     `json:"attempts"`
	OK           int     `json:"ok"`
	FirstByteP50 float64 `json:"first_byte_p50_ms"`
	FirstByteP95 float64 `json:"first_byte_p95_ms"`
	WholeP50     float64 `json:"whole_p50_ms"`
	WholeP95     float64 `json:"whole_p95_ms"`
}

// UpstreamFailure is one kind of failed attempts.
type UpstreamFailure struct {
	Kind    string    `json:"kind"`
	Count   int64     `json:"count"`
	Last    time.Time `json:"last_at"`
	Status  int       `json:"last_status"` // 0: there was no answer
	Message string    `json:"last_message,omitempty"`
}

// UpstreamBreaker is what is let through to one model.
type UpstreamBreaker struct {
	Model string `json:"model"`
	State string `json:"state"` // closed, open or half_open
}

// Provider is one provider with its accounts.
type Provider struct {
	Provider   string     `json:"provider"`
	Dialect    string     `json:"dialect"`
	Preset     string     `json:"preset"`
	Host       string     `json:"host"` // where its keys are sent; empty: inside this process
	State      string     `json:"state"`
	StateSince *time.Time `json:"state_since"`
	InFlight   int        `json:"in_flight"`
	Accounts   []Upstream `json:"accounts"`
}

// NewState is what an operator wants of a provider, an account or a key.
type NewState struct {
	State string `json:"state"` // enabled, draining or disabled
}

// StateChange tells what a new state does.
type StateChange struct {
	State string `json:"state"`
	// Applied is false for a dry run.
	Applied bool `json:"applied"`
	// Keys are concerned; UsableBefore and UsableAfter of them take calls.
	Keys         int `json:"keys"`
	UsableBefore int `json:"usable_before"`
	UsableAfter  int `json:"usable_after"`
	// InFlight calls use them now. They end as they would have.
	InFlight int `json:"in_flight"`
	// RoutesWithoutKeys are left without any key that takes calls.
	RoutesWithoutKeys []string `json:"routes_without_keys"`
}

// NewUpstreamKey is a key to keep.
type NewUpstreamKey struct {
	// Key is the provider's credential. It is never answered.
	Key       string     `json:"key"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"` // null: not known
}

// UpstreamKeyEdit is what of a key can be changed.
type UpstreamKeyEdit struct {
	State string `json:"state,omitempty"` // enabled, draining or disabled; empty: as it is
	// ExpiresAt can be changed of stored keys. Null: as it is.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// KeyTest asks for a test.
type KeyTest struct {
	// Call makes a call of one token. False: what costs nothing, where that tells.
	Call bool `json:"call"`
}

// TestedKey is what a test has shown. It counts at once.
type TestedKey struct {
	Conclusive bool    `json:"conclusive"`
	Health     string  `json:"health"`
	Status     int     `json:"status"` // the provider's; 0: it did not answer
	Reason     string  `json:"reason"`
	Model      string  `json:"model,omitempty"` // that was called
	TookMS     float64 `json:"took_ms"`
}

// Replacement tells of a key that has taken another's place.
type Replacement struct {
	New Key `json:"new"`
	Old Key `json:"old"`
}

// KeyName says which upstream key is meant; parts that are empty mean all.
type KeyName struct{ Provider, Account, Fingerprint string }

// Upstreams shows and changes accounts and their keys. Errors are *Error, or auth's.
type Upstreams interface {
	Upstreams() []Upstream
	Provider(name string) (Provider, error)
	// SetState says what becomes of keys; dry tells only what would.
	SetState(ctx context.Context, of KeyName, state string, dry bool) (StateChange, error)
	AddKey(ctx context.Context, provider, account string, k NewUpstreamKey) (Key, error)
	EditKey(ctx context.Context, of KeyName, e UpstreamKeyEdit) (Key, error)
	ReplaceKey(ctx context.Context, of KeyName, by NewUpstreamKey) (Replacement, error)
	RemoveKey(ctx context.Context, of KeyName) error
	TestKey(ctx context.Context, of KeyName, t KeyTest) (TestedKey, error)
}

func named(c *Call) KeyName {
	return KeyName{c.Param("provider"), c.Param("account"), c.Param("fingerprint")}
}

// UpstreamEndpoints show the upstreams and act on them.
func UpstreamEndpoints(u Upstreams) []Endpoint {
	const key = "/upstreams/{provider}/{account}/keys/{fingerprint}"
	e := []Endpoint{
		{
			Method: http.MethodGet, Path: "/upstreams", ID: "upstreams.list", Roles: Readers(), Answer: List[Upstream]{},
			Summary: "Every account of every provider, with its keys by fingerprint",
			Handle:  func(*Call) (any, error) { return Page(u.Upstreams(), ""), nil },
		},
		{
			Method: http.MethodGet, Path: "/upstreams/{provider}", ID: "upstreams.get", Roles: Readers(), Answer: Provider{},
			Summary: "One provider with its accounts",
			Handle:  func(c *Call) (any, error) { return u.Provider(c.Param("provider")) },
		},
		stateEndpoint(u, "/upstreams/{provider}", "upstreams.set_provider", "Enable, drain or disable a whole provider"),
		stateEndpoint(u, "/upstreams/{provider}/{account}", "upstreams.set_account", "Enable, drain or disable an account"),
		{
			Method: http.MethodPost, Path: "/upstreams/{provider}/{account}/keys", ID: "upstream_keys.add", Body: NewUpstreamKey{}, Answer: Key{}, Status: http.StatusCreated,
			Summary:     "Add a key to an account",
			Description: "It is kept encrypted, used at once and never answered. A key that the account has already is refused (409).",
			Handle:      func(c *Call) (any, error) { return addKey(u, c) },
		},
		{
			Method: http.MethodPatch, Path: key, ID: "upstream_keys.edit", Body: UpstreamKeyEdit{}, Answer: Key{},
			Summary:     "Enable, drain or disable a key, or change when it expires",
			Description: "A draining key takes nothing new; what is in flight ends, then it is drained.",
			Handle:      func(c *Call) (any, error) { return editKey(u, c) },
		},
		{
			Method: http.MethodDelete, Path: key, ID: "upstream_keys.remove",
			Summary:     "Remove a stored key",
			Description: "Calls in flight end with it. Keys of the configuration are taken out there (409); disable them here.",
			Handle:      func(c *Call) (any, error) { return nil, u.RemoveKey(c.Context(), named(c)) },
		},
		{
			Method: http.MethodPost, Path: key + "/test", ID: "upstream_keys.test", Body: KeyTest{}, Answer: TestedKey{},
			Summary:     "Ask the provider now whether a key works",
			Description: "With call, a model is called for one token. What it shows counts at once.",
			Handle:      func(c *Call) (any, error) { return testKey(u, c) },
		},
		{
			Method: http.MethodPost, Path: key + "/replace", ID: "upstream_keys.replace", Body: NewUpstreamKey{}, Answer: Replacement{}, Status: http.StatusCreated,
			Summary: "Put a new key in a key's place: the new one is enabled and the old one drains, in one act",
			Handle:  func(c *Call) (any, error) { return replaceKey(u, c) },
		},
	}
	for i := range e {
		e[i].Tag = "upstreams"
		if e[i].Roles == nil {
			e[i].Roles = Operators()
		}
	}
	return e
}

func stateEndpoint(u Upstreams, path, id, summary string) Endpoint {
	return Endpoint{
		Method: http.MethodPatch, Path: path, ID: id, Body: NewState{}, Answer: StateChange{}, Summary: summary,
		Description: "It counts at once, for calls that wait too, and stays over reloads and restarts. The answer tells what it does; with dry_run, what it would do.",
		Query:       []Param{{Name: "dry_run", Type: "boolean", About: "true: change nothing, and tell what would happen. Default false"}},
		Handle: func(c *Call) (any, error) {
			var s NewState
			if err := c.Decode(&s); err != nil {
				return nil, err
			}
			dry := c.Query("dry_run") == "true"
			change, err := u.SetState(c.Context(), named(c), s.State, dry)
			if err != nil {
				return nil, err
			}
			if dry {
				c.Unkept()
			}
			c.Note(keyPath(named(c)), s)
			return change, nil
		},
	}
}

// keyPath is how the audit log names keys.
func keyPath(k KeyName) string {
	s := k.Provider
	for _, part := range []string{k.Account, k.Fingerprint} {
		if part != "" {
			s += "/" + part
		}
	}
	return s
}

func addKey(u Upstreams, c *Call) (any, error) {
	var n NewUpstreamKey
	if err := c.Decode(&n); err != nil {
		return nil, err
	}
	of := named(c)
	k, err := u.AddKey(c.Context(), of.Provider, of.Account, n)
	if err != nil {
		return nil, err
	}
	of.Fingerprint = k.Fingerprint
	c.Note(keyPath(of), map[string]any{"expires_at": n.ExpiresAt})
	return k, nil
}

func editKey(u Upstreams, c *Call) (any, error) {
	var e UpstreamKeyEdit
	if err := c.Decode(&e); err != nil {
		return nil, err
	}
	k, err := u.EditKey(c.Context(), named(c), e)
	if err != nil {
		return nil, err
	}
	c.Note(keyPath(named(c)), e)
	return k, nil
}

func replaceKey(u Upstreams, c *Call) (any, error) {
	var n NewUpstreamKey
	if err := c.Decode(&n); err != nil {
		return nil, err
	}
	r, err := u.ReplaceKey(c.Context(), named(c), n)
	if err != nil {
		return nil, err
	}
	c.Note(keyPath(named(c)), map[string]any{"by": r.New.Fingerprint, "expires_at": n.ExpiresAt})
	return r, nil
}

func testKey(u Upstreams, c *Call) (any, error) {
	var t KeyTest
	if c.Request.ContentLength != 0 {
		if err := c.Decode(&t); err != nil {
			return nil, err
		}
	}
	found, err := u.TestKey(c.Context(), named(c), t)
	if err != nil {
		return nil, err
	}
	c.Note(keyPath(named(c)), map[string]any{"call": t.Call, "health": found.Health})
	return found, nil
}
