package gateway

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/budget/prices"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/gateway/plan"
	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/shedding"
)

// generation is everything made from one configuration. It is immutable once it
// serves; what lives longer (buckets, lanes, key states) is handed from one
// generation to the next by name.
type generation struct {
	number       int64 // grows from one to the next
	cfg          *config.Config
	keys         *auth.Index
	clients      []*client
	routes       map[string]*route
	upstreams    map[string]*upstream
	lanes        map[string]*admission.Lane
	accounts     map[string]*admission.Account
	healths      map[string]*admission.Health
	retries      map[string]*fallback.RetryBudget
	scopes       map[string]*budget.Scope // door scopes by kind and name
	dispatchers  []*dispatcher
	addresses    *addresses // nil: not limited
	writeTimeout time.Duration
	update       []func() // changes of live lanes, applied under their locks
	made         int64    // Unix seconds, for /v1/models
}

// client is a client key with what hangs on it.
type client struct {
	key    *auth.Key
	class  shedding.Class
	weight float64
	scopes []*budget.Scope // key, owner; those without limits are left out
}

// route is a public model name with its targets.
type route struct {
	name       string
	targets    []target
	scope      *budget.Scope // nil without limits
	admission  *admission.Route
	dispatcher *dispatcher
	policy     fallback.Policy
	maxWait    time.Duration
	comments   time.Duration // between SSE comments while a stream waits; zero: none
	timeout    time.Duration
	cache      cachePolicy
}

// target is one provider and upstream model on a route's list.
type target struct {
	name     string // provider/model
	model    string
	upstream *upstream
	prices   [2]prices.Table // of this model: the configuration's, and the shipped ones
}

// upstream is one provider as the data plane uses it.
type upstream struct {
	name     string
	counts   plan.Upstream
	dialect  providers.Dialect
	client   *http.Client
	timeouts config.Timeouts
	// misleads: its cheap probe answers everybody, or refuses keys that work.
	misleads atomic.Bool
}
