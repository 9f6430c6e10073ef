package gateway

import (
	"context"
	"net/http"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/shedding"
)

// trying is the context's key of a call that an operator tries; its value is the name
// of the client key in whose place it is. Nothing that comes over the network sets it.
type trying struct{}

// Try serves chat completions in the place of a client key (by name or ID), without its
// credential, for what an operator tries out at the admin listener. An empty name is
// nobody's key: it may use every route in every class, and no limit of a caller counts.
func (g *Gateway) Try(key string) http.Handler {
	serve := g.bounded(g.serve(providers.ChatCompletions))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), trying{}, key)))
	})
}

// tryAs takes the place of a client key; false: this is no such call.
func (x *exchange) tryAs() (bool, *apiError) {
	name, ok := x.r.Context().Value(trying{}).(string)
	if !ok {
		return false, nil
	}
	if name == "" {
		key := &auth.Key{ID: "playground", Name: "playground", Models: []string{"*"}}
		x.client = &client{key: key, class: shedding.Normal, weight: 1}
		if class, err := shedding.ParseClass(x.r.Header.Get("X-Priority")); err == nil {
			x.client.class = class
		}
	} else if err := x.askAs(name); err != nil {
		return true, invalidRequest(http.StatusNotFound, "unknown_key", "", "There is no client key of that name.")
	}
	key := x.client.key
	x.record.KeyID, x.record.Key, x.record.Owner = key.ID, key.Name, key.Owner
	return true, nil
}
