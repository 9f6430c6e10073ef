package simulation

import (
	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/gateway/plan"
	"github.com/sluice-gateway/sluice/shedding"
)

// door is what the gateway asks before the pool: the limits of the client's key, of its
// owner and of the route. Clients that the configuration does not know have none.
type door struct {
	clients map[string]*client
	routes  map[string]*budget.Scope
}

type client struct {
	weight float64
	scopes []*budget.Scope
}

func newDoor(c *config.Config) *door {
	d := &door{clients: map[string]*client{}, routes: map[string]*budget.Scope{}}
	owners := map[string]*budget.Scope{}
	for i := range c.Owners {
		if o := &c.Owners[i]; len(o.Limits.Entries) > 0 {
			owners[o.Name] = budget.NewScope(budget.ScopeOwner, o.Name, start, plan.Door(&o.Limits, c.TimeZone))
		}
	}
	for i := range c.ClientKeys {
		k := &c.ClientKeys[i]
		x := &client{weight: float64(max(k.Weight, 1))}
		if len(k.Limits.Entries) > 0 {
			x.scopes = append(x.scopes, budget.NewScope(budget.ScopeClientKey, k.Name, start, plan.Door(&k.Limits, c.TimeZone)))
		}
		if s := owners[k.Owner]; s != nil {
			x.scopes = append(x.scopes, s)
		}
		d.clients[k.Name] = x
	}
	for i := range c.Routes {
		if r := &c.Routes[i]; len(r.Limits.Entries) > 0 {
			d.routes[r.Name] = budget.NewScope(budget.ScopeRoute, r.Name, start, plan.Door(&r.Limits, c.TimeZone))
		}
	}
	return d
}

// enter takes the caller's own budgets into the call's hold, or says whose refuse it.
func (d *door) enter(now budget.Instant, x *call) (refusedBy string) {
	var scopes [3]*budget.Scope
	n := 0
	if c := d.clients[x.c.Client]; c != nil {
		x.Weight = c.weight
		n = copy(scopes[:], c.scopes)
	}
	scopes[n] = d.routes[x.r.name]
	a := budget.Reserve(now, &x.door, plan.DoorDemand(x.Estimates[0]), scopes[:]...)
	switch {
	case a.State == budget.Granted:
		return ""
	case a.Scope == nil:
		return "limited"
	}
	return "limited_by_" + a.Scope.Kind().String()
}

// leave ends the hold: with what the call took, or nothing where nothing was sent.
func (x *call) leave(now budget.Instant, used budget.Usage) {
	if x.state.Attempts == 0 {
		x.door.Cancel(now)
		return
	}
	x.door.Settle(now, plan.DoorActual(used), budget.Used)
}

// OwnClasses are the classes of a configuration's client keys: those of their calls that
// ask for none, and the highest that they may ask for.
func OwnClasses(c *config.Config) map[string]shedding.Class {
	own := map[string]shedding.Class{}
	for i := range c.ClientKeys {
		own[c.ClientKeys[i].Name], _ = shedding.ParseClass(c.ClientKeys[i].Priority) // config has validated it
	}
	return own
}
