package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/sluice-gateway/sluice/config"
)

// LimitView is one place of the configuration where limits stand.
type LimitView struct {
	// Path is what to PATCH below /limits: provider/account/index, routes/name or
	// owners/name; empty for client keys, which are changed as keys.
	Path  string `json:"path,omitempty"`
	Scope string `json:"scope"` // upstream, route, owner or client_key
	Name  string `json:"name"`  // of the account, route, owner or key
	// Models are those that an upstream's limits are for; PerModel: each has its own.
	Models   []string `json:"models,omitempty"`
	PerModel bool     `json:"per_model,omitempty"`
	// Limits are by name, each value as the file writes it; burst, margin and jitter
	// stand beside them where they are not the default.
	Limits map[string]string `json:"limits"`
}

// LimitPatch changes limits; what is left out stays, null takes one out.
type LimitPatch struct {
	Limits map[string]json.RawMessage `json:"limits"`
	Note   string                     `json:"note,omitempty"`
}

// LimitEndpoints show limits and change them while calls are on their way.
func LimitEndpoints(s Configuration) []Endpoint {
	h := limitHandlers{s}
	edit := func(path, id, summary string, at func(*Call, *config.Config) ([]any, bool)) Endpoint {
		return Endpoint{
			Method: http.MethodPatch, Path: path, ID: id, Tag: "limits", Roles: Operators(), Body: LimitPatch{}, Answer: ConfigApplied{},
			Summary:     summary,
			Description: "Values are numbers, or texts as in the file (100k, 25%, $5). Levels of the buckets stay. The change is an edit of the configuration's text and makes a new version of it. With If-Match it is made only from that version.",
			Handle:      func(c *Call) (any, error) { return h.edit(c, at) },
		}
	}
	return []Endpoint{
		{
			Method: http.MethodGet, Path: "/limits", ID: "limits.list", Tag: "limits", Roles: Readers(), Answer: List[LimitView]{},
			Summary: "Every limit of the configuration; live levels are at /budgets",
			Handle:  func(*Call) (any, error) { return Page(limitViews(h.s.InForce()), ""), nil },
		},
		edit("/limits/{provider}/{account}/{index}", "limits.edit_upstream", "Change one entry of an account's limits", func(c *Call, cfg *config.Config) ([]any, bool) {
			p := cfg.Provider(c.name("provider"))
			index, err := strconv.Atoi(c.Param("index"))
			if p == nil || err != nil {
				return nil, false
			}
			i := slices.IndexFunc(p.Accounts, func(a config.Account) bool { return a.Name == c.name("account") })
			if i < 0 || index < 0 || index >= len(p.Accounts[i].Limits) {
				return nil, false
			}
			return []any{"providers", p.Name, "accounts", i, "limits", index}, true
		}),
		edit("/limits/routes/{name}", "limits.edit_route", "Change a route's limits", func(c *Call, cfg *config.Config) ([]any, bool) {
			return []any{"routes", c.name("name"), "limits"}, cfg.Route(c.name("name")) != nil
		}),
		edit("/limits/owners/{name}", "limits.edit_owner", "Change the limits of an owner of the configuration", func(c *Call, cfg *config.Config) ([]any, bool) {
			return []any{"owners", c.name("name"), "limits"}, cfg.Owner(c.name("name")) != nil
		}),
	}
}

type limitHandlers struct{ s Configuration }

func (h limitHandlers) edit(c *Call, at func(*Call, *config.Config) ([]any, bool)) (any, error) {
	var p LimitPatch
	if err := c.Decode(&p); err != nil {
		return nil, err
	}
	change, err := c.change(p.Note, false)
	if err != nil {
		return nil, err
	}
	return c.applied(h.s.Edit(c.Context(), change, func(cfg *config.Config) ([]config.Edit, error) {
		path, ok := at(c, cfg)
		if !ok {
			return nil, NotFound("limit")
		}
		e := editing{at: path, bad: map[string]string{}}
		for _, name := range sortedNames(p.Limits) {
			e.raw(name, p.Limits[name])
		}
		return e.done()
	}))
}

func sortedNames(m map[string]json.RawMessage) []string { return slices.Sorted(maps.Keys(m)) }

func limitViews(cfg *config.Config) []LimitView {
	var rows []LimitView
	for _, p := range cfg.Providers {
		for _, a := range p.Accounts {
			for i, l := range a.Limits {
				rows = append(rows, LimitView{
					Path: p.Name + "/" + a.Name + "/" + strconv.Itoa(i), Scope: "upstream", Name: p.Name + "/" + a.Name,
					Models: l.Models, PerModel: l.PerModel, Limits: writtenLimits(&l.Limits),
				})
			}
		}
	}
	add := func(path, scope, name string, l *config.Limits) {
		if len(l.Entries) > 0 {
			rows = append(rows, LimitView{Path: path, Scope: scope, Name: name, Limits: writtenLimits(l)})
		}
	}
	for _, r := range cfg.Routes {
		add("routes/"+r.Name, "route", r.Name, &r.Limits)
	}
	for _, o := range cfg.Owners {
		add("owners/"+o.Name, "owner", o.Name, &o.Limits)
	}
	for _, k := range cfg.ClientKeys {
		add("", "client_key", k.Name, &k.Limits)
	}
	return rows
}

// writtenLimits are limits as the file writes them.
func writtenLimits(l *config.Limits) map[string]string {
	m := map[string]string{}
	for _, e := range l.Entries {
		m[e.Name] = e.Text()
	}
	if b := l.Burst.String(); b != "" {
		m["burst"] = b
	}
	if l.Margin != 0 {
		m["margin"] = strconv.FormatFloat(l.Margin, 'g', -1, 64)
	}
	if l.Jitter != 0 {
		m["jitter"] = l.Jitter.String()
	}
	return m
}
