package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sluice-gateway/sluice/config"
)

// RouteView is a route as it is configured.
type RouteView struct {
	Name               string            `json:"name"`
	Targets            []RouteTarget     `json:"targets"`
	Strategy           string            `json:"strategy"`
	Sticky             bool              `json:"sticky"`
	FallbackOn         []string          `json:"fallback_on"`
	Limits             map[string]string `json:"limits"`
	MaxWait            string            `json:"max_wait"` // durations as in the file: 20s
	WaitBeforeFallback string            `json:"wait_before_fallback"`
	WaitComments       string            `json:"wait_comments"`
	MaxAttempts        int               `json:"max_attempts"`
	Timeout            string            `json:"timeout"`
	Cache              RouteCache        `json:"cache"`
}

// RouteTarget is one target of a route.
type RouteTarget struct {
	Target string `json:"target"` // provider/model
	Weight int64  `json:"weight"`
	Paused bool   `json:"paused"`
	// Groups are the names of the budgets that count for it, one of each account, as
	// GET /budgets has them. They are answered, and ignored where they are given.
	Groups []string `json:"groups,omitempty"`
}

// RouteCache is which answers of a route are kept.
type RouteCache struct {
	TTL     string `json:"ttl"`
	Scope   string `json:"scope"`
	Streams bool   `json:"streams"`
}

// RoutePatch are changes of a route; what is left out stays, null is the default.
type RoutePatch struct {
	// Targets are the whole list in its new order. A weight of 0 is 1.
	Targets            *[]RouteTarget             `json:"targets,omitempty"`
	Strategy           json.RawMessage            `json:"strategy,omitempty"`
	Sticky             json.RawMessage            `json:"sticky,omitempty"`
	FallbackOn         *[]string                  `json:"fallback_on,omitempty"`
	Limits             map[string]json.RawMessage `json:"limits,omitempty"` // null takes one out
	MaxWait            json.RawMessage            `json:"max_wait,omitempty"`
	WaitBeforeFallback json.RawMessage            `json:"wait_before_fallback,omitempty"`
	WaitComments       json.RawMessage            `json:"wait_comments,omitempty"`
	MaxAttempts        json.RawMessage            `json:"max_attempts,omitempty"`
	Timeout            json.RawMessage            `json:"timeout,omitempty"`
	Cache              map[string]json.RawMessage `json:"cache,omitempty"` // ttl, scope, streams
	Note               string                     `json:"note,omitempty"`
}

// RouteEndpoints show and change routes.
func RouteEndpoints(s Configuration) []Endpoint {
	h := routeHandlers{s}
	return []Endpoint{
		{
			Method: http.MethodGet, Path: "/routes", ID: "routes.list", Tag: "routes", Roles: Readers(), Answer: List[RouteView]{},
			Summary: "Every route with its targets in their order",
			Handle: func(*Call) (any, error) {
				var rows []RouteView
				for _, r := range h.s.InForce().Routes {
					rows = append(rows, viewOfRoute(h.s.InForce(), &r))
				}
				return Page(rows, ""), nil
			},
		},
		{
			Method: http.MethodGet, Path: "/routes/{name}", ID: "routes.show", Tag: "routes", Roles: Readers(), Answer: RouteView{},
			Summary: "One route; a slash in its name is written %2F",
			Handle: func(c *Call) (any, error) {
				cfg := h.s.InForce()
				r := cfg.Route(c.name("name"))
				if r == nil {
					return nil, NotFound("route")
				}
				return viewOfRoute(cfg, r), nil
			},
		},
		{
			Method: http.MethodPatch, Path: "/routes/{name}", ID: "routes.edit", Tag: "routes", Roles: Operators(), Body: RoutePatch{}, Answer: ConfigApplied{},
			Summary:     "Change a route: order, weights and pauses of its targets, waits, limits, cache",
			Description: "The change is an edit of single values of the configuration's text and makes a new version of it; comments and order stay. With If-Match it is made only from that version.",
			Handle:      h.edit,
		},
	}
}

type routeHandlers struct{ s Configuration }

func viewOfRoute(cfg *config.Config, r *config.Route) RouteView {
	v := RouteView{
		Name: r.Name, Targets: []RouteTarget{}, Strategy: r.Strategy, Sticky: r.Sticky, FallbackOn: r.FallbackOn, Limits: writtenLimits(&r.Limits),
		MaxWait: r.MaxWait.String(), WaitBeforeFallback: r.WaitBeforeFallback.String(), WaitComments: r.WaitComments.String(),
		MaxAttempts: r.MaxAttempts, Timeout: r.Timeout.String(),
		Cache: RouteCache{TTL: r.Cache.TTL.String(), Scope: r.Cache.Scope, Streams: r.Cache.Streams},
	}
	if v.FallbackOn == nil {
		v.FallbackOn = []string{}
	}
	for _, t := range r.Targets {
		v.Targets = append(v.Targets, RouteTarget{t.String(), t.Weight, t.Paused, groupsOf(cfg, &t)})
	}
	return v
}

// groupsOf are the names of the budgets that count for a target.
func groupsOf(cfg *config.Config, t *config.Target) (groups []string) {
	p := cfg.Provider(t.Provider)
	if p == nil {
		return nil
	}
	for i := range p.Accounts {
		groups = append(groups, p.Name+"/"+p.Accounts[i].Name+"/"+p.Accounts[i].Group(t.Model))
	}
	return groups
}

func (h routeHandlers) edit(c *Call) (any, error) {
	var p RoutePatch
	if err := c.Decode(&p); err != nil {
		return nil, err
	}
	change, err := c.change(p.Note, false)
	if err != nil {
		return nil, err
	}
	name := c.name("name")
	return c.applied(h.s.Edit(c.Context(), change, func(cfg *config.Config) ([]config.Edit, error) {
		if cfg.Route(name) == nil {
			return nil, NotFound("route")
		}
		return p.edits(name)
	}))
}

// edits are the changes of the text; every value that cannot be one is told.
func (p *RoutePatch) edits(name string) ([]config.Edit, error) {
	e := editing{at: []any{"routes", name}, bad: map[string]string{}}
	if p.Targets != nil {
		e.targets(*p.Targets)
	}
	if p.FallbackOn != nil {
		e.add("fallback_on", *p.FallbackOn)
	}
	for _, f := range []struct {
		name string
		raw  json.RawMessage
	}{
		{"strategy", p.Strategy}, {"sticky", p.Sticky}, {"max_wait", p.MaxWait}, {"wait_before_fallback", p.WaitBeforeFallback},
		{"wait_comments", p.WaitComments}, {"max_attempts", p.MaxAttempts}, {"timeout", p.Timeout},
	} {
		e.raw(f.name, f.raw)
	}
	e.each("limits", p.Limits)
	e.each("cache", p.Cache)
	return e.done()
}

// editing collects the edits of one entry and what is wrong with them.
type editing struct {
	at    []any
	edits []config.Edit
	bad   map[string]string
}

func (e *editing) add(name string, value any, below ...string) {
	path := append(append([]any{}, e.at...), name)
	for _, b := range below {
		path = append(path, b)
	}
	e.edits = append(e.edits, config.Edit{Path: path, Value: value})
}

// raw adds a value of a request; what was not given stays.
func (e *editing) raw(name string, raw json.RawMessage, below ...string) {
	if raw == nil {
		return
	}
	v, ok := writtenValue(raw)
	if !ok && (string(raw) == "true" || string(raw) == "false") {
		v, ok = string(raw), true
	}
	if !ok {
		e.bad[strings.Join(append([]string{name}, below...), ".")] = "must be a number, a text such as 20s, or null"
		return
	}
	e.add(name, v, below...)
}

// each adds the values of a mapping.
func (e *editing) each(name string, values map[string]json.RawMessage) {
	for _, k := range sortedNames(values) {
		e.raw(name, values[k], k)
	}
}

func (e *editing) targets(list []RouteTarget) {
	targets := make([]config.Target, len(list))
	for i, t := range list {
		target, err := config.ParseTarget(t.Target)
		if err != nil {
			e.bad[fmt.Sprintf("targets[%d]", i)] = "is not a target: provider/model"
		}
		target.Weight, target.Paused = max(t.Weight, 1), t.Paused
		if t.Weight < 0 {
			e.bad[fmt.Sprintf("targets[%d]", i)] = "has a weight below zero"
		}
		targets[i] = target
	}
	e.add("targets", targets)
}

func (e *editing) done() ([]config.Edit, error) {
	switch {
	case len(e.bad) > 0:
		return nil, Invalid("the change cannot be made", e.bad)
	case len(e.edits) == 0:
		return nil, BadRequest("nothing_to_change", "the body changes nothing")
	}
	return e.edits, nil
}

// name is a parameter of the path that may hold an escaped slash.
func (c *Call) name(param string) string {
	p := c.Param(param)
	if c.Request.URL.RawPath == "" {
		return p // decoded already
	}
	if plain, err := url.PathUnescape(p); err == nil {
		return plain
	}
	return p
}
