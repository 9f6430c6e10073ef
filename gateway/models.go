package gateway

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/sashabaranov/go-openai"
)

// caller authenticates a request for the list of models.
func (g *Gateway) caller(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{g: g, rt: g.current.Load(), w: w, r: r, start: g.clock.now()}
	w.Header().Set("X-Request-Id", newRequestID())
	x.record.Start = g.clock.time(x.start)
	defer x.leaveKey()
	if err := x.authenticate(); err != nil {
		err.write(w, g.random)
		return nil
	}
	x.limitHeaders()
	return x
}

// models lists the routes that the caller may use.
func (g *Gateway) models(w http.ResponseWriter, r *http.Request) {
	x := g.caller(w, r)
	if x == nil {
		return
	}
	list := openai.ModelsList{Models: []openai.Model{}}
	for name := range x.rt.routes {
		if x.client.key.Allows(name) {
			list.Models = append(list.Models, x.rt.model(name))
		}
	}
	slices.SortFunc(list.Models, func(a, b openai.Model) int { return strings.Compare(a.ID, b.ID) })
	writeJSON(w, struct {
		Object string         `json:"object"`
		Data   []openai.Model `json:"data"`
	}{"list", list.Models})
}

// model answers one route, whose name may contain slashes.
func (g *Gateway) model(w http.ResponseWriter, r *http.Request) {
	x := g.caller(w, r)
	if x == nil {
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/v1/models/")
	if x.rt.routes[name] == nil || !x.client.key.Allows(name) {
		errModelNotFound(name).write(w, g.random)
		return
	}
	writeJSON(w, x.rt.model(name))
}

func (n *generation) model(name string) openai.Model {
	return openai.Model{ID: name, Object: "model", OwnedBy: "sluice", CreatedAt: n.made}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // plain structs always encode; the client may have gone
}
