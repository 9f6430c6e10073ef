package live

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/telemetry"
	"github.com/sluice-gateway/sluice/web/access"
	"github.com/sluice-gateway/sluice/web/api"
)

// Source is what the hub looks at.
type Source interface {
	Budgets() []api.Budget
	Upstreams() []api.Upstream
	// Queue answers depth, tokens and age by class.
	Queue() map[string]api.Lane
	InFlight() int64
}

// Options are what a Hub is made of.
type Options struct {
	Source Source // required
	Meter  *Meter // required
	// Alerts answers those that fire, by their keys. Nil: none.
	Alerts func() map[string]any
	// Node is this gateway's name among others. Empty: it is alone.
	Node string
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Bounds of what watchers are told.
const (
	sampleEvery       = time.Second
	waitingEvents     = 64  // for one watcher; more: it is left behind
	requestsPerSecond = 20  // request events; more are left out
	keyBuckets        = 100 // of client keys: the scarcest
)

// errSlow ends a watcher that does not keep up.
var errSlow = errors.New("live: the reader does not keep up")

// Hub tells watchers what the gateway sees. It is safe for concurrent use.
type Hub struct {
	o        Options
	watching atomic.Int64

	mu       sync.Mutex
	watchers map[*watcher]bool
	views    map[string]*view // by what is seen: everything, or one owner's
	stop     context.CancelFunc

	told struct { // request events in the running second
		sync.Mutex
		second int64
		n      int
	}
}

// view is one way to see the state, and what was last told of it.
type view struct {
	last     any
	watchers int
}

type watcher struct {
	who    access.Identity
	view   string
	events chan event // closed: it did not keep up
	lost   bool
}

type event struct {
	name string
	data []byte
}

// NewHub makes a hub.
func NewHub(o Options) *Hub {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Alerts == nil {
		o.Alerts = func() map[string]any { return nil }
	}
	return &Hub{o: o, watchers: map[*watcher]bool{}, views: map[string]*view{}}
}

// viewOf names what somebody sees: everything, or one owner's.
func viewOf(who access.Identity) string {
	if who.Role == access.KeyOwner {
		return "owner " + who.Owner
	}
	return ""
}

// Overview answers the present and the last hour.
func (h *Hub) Overview(who access.Identity) api.Overview {
	o := api.Overview{State: h.see(who), History: []api.Point{}}
	if who.Role != access.KeyOwner {
		o.History = h.o.Meter.history(h.o.Now())
	}
	return o
}

// Watch calls emit with every event until the context ends, emit fails, or the reader
// does not keep up.
func (h *Hub) Watch(ctx context.Context, who access.Identity, emit func(string, []byte) error) error {
	w, err := h.join(who)
	if err != nil {
		return err
	}
	defer h.leave(w)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, open := <-w.events:
			if !open {
				return errSlow
			}
			if err := emit(e.name, e.data); err != nil {
				return err
			}
		}
	}
}

// join adds a watcher, tells it the state that later patches build on, and begins to
// look when it is the first.
func (h *Hub) join(who access.Identity) (*watcher, error) {
	w := &watcher{who: who, view: viewOf(who), events: make(chan event, waitingEvents)}
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.views[w.view]
	if v == nil {
		state, err := plain(h.see(who))
		if err != nil {
			return nil, err
		}
		v = &view{last: state}
		h.views[w.view] = v
	}
	data, err := json.Marshal(v.last)
	if err != nil {
		return nil, err
	}
	v.watchers++
	w.events <- event{"snapshot", data}
	h.watchers[w] = true
	if h.watching.Add(1) == 1 {
		ctx, stop := context.WithCancel(context.Background())
		h.stop = stop
		go h.look(ctx)
	}
	return w, nil
}

func (h *Hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
	if v := h.views[w.view]; v != nil {
		if v.watchers--; v.watchers == 0 {
			delete(h.views, w.view)
		}
	}
	if h.watching.Add(-1) == 0 {
		h.stop()
	}
}

// look samples once a second until nobody watches.
func (h *Hub) look(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			h.sample()
		}
	}
}

// sample tells every watcher what has changed in what it sees.
func (h *Hub) sample() {
	h.mu.Lock()
	defer h.mu.Unlock()
	changes := map[string][]byte{}
	for name, v := range h.views {
		who := access.Identity{Role: access.Viewer}
		for w := range h.watchers {
			if w.view == name {
				who = w.who
				break
			}
		}
		state, err := plain(h.see(who))
		if err != nil {
			continue // plain data always encodes
		}
		if change, differs := difference(v.last, state); differs {
			v.last = state
			changes[name], _ = json.Marshal(change) // as above
		}
	}
	for w := range h.watchers {
		if data := changes[w.view]; data != nil {
			w.send(event{"patch", data})
		}
	}
}

// send gives a watcher an event, or gives the watcher up.
func (w *watcher) send(e event) {
	if w.lost {
		return
	}
	select {
	case w.events <- e:
	default:
		w.lost = true
		close(w.events)
	}
}

// Tell tells watchers of something that has happened. visible says who may know; nil:
// whoever sees everything.
func (h *Hub) Tell(name string, v any, visible func(access.Identity) bool) {
	if h.watching.Load() == 0 {
		return
	}
	data, err := json.Marshal(v)
	if err != nil {
		return // plain data always encodes
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		if visible == nil && w.view == "" || visible != nil && visible(w.who) {
			w.send(event{name, data})
		}
	}
}

// Record tells watchers of a finished request, so many in a second at most. It is a
// telemetry.Sink.
func (h *Hub) Record(r *telemetry.Record) {
	if h.watching.Load() == 0 || !h.mayTell(r.Start.Add(r.Duration).Unix()) {
		return
	}
	owner := r.Owner
	h.Tell("request", api.TrailOf(r), func(who access.Identity) bool {
		return who.Role != access.KeyOwner || owner != "" && owner == who.Owner
	})
}

func (h *Hub) mayTell(second int64) bool {
	h.told.Lock()
	defer h.told.Unlock()
	if h.told.second != second {
		h.told.second, h.told.n = second, 0
	}
	h.told.n++
	return h.told.n <= requestsPerSecond
}

// see is the state as somebody sees it.
func (h *Hub) see(who access.Identity) api.State {
	now := h.o.Now()
	s := api.State{Now: api.Now{At: now, Node: h.o.Node}, Queue: map[string]api.Lane{}, Budgets: map[string]api.Budget{},
		Upstreams: map[string]api.Upstream{}, Routes: map[string]api.RouteShares{}, Alerts: map[string]any{}}
	for _, b := range seen(h.o.Source.Budgets(), who) {
		b.FullInMS -= b.FullInMS % 100 // or each second would change every row
		s.Budgets[b.Scope+"/"+b.Name+"/"+b.Limit] = b
	}
	if who.Role == access.KeyOwner {
		s.Now.Limiting = api.Limiting{Kind: "free", Sentence: "Nothing limits now."}
		return s
	}
	f := h.o.Meter.figures(now)
	f.now.Node, f.now.InFlight = h.o.Node, h.o.Source.InFlight()
	s.Now = f.now
	for class, lane := range h.o.Source.Queue() {
		lane.Shed, lane.Dropped = f.minute.shed[class], f.minute.dropped[class]
		s.Queue[class] = lane
	}
	for _, u := range h.o.Source.Upstreams() {
		s.Upstreams[u.Provider+"/"+u.Account] = u
	}
	s.Routes = h.o.Meter.shares(now)
	for id, a := range h.o.Alerts() {
		s.Alerts[id] = a
	}
	s.Now.Limiting = limiting(&s, &f.minute)
	return s
}

// seen keeps the buckets that somebody sees, and of client keys the scarcest.
func seen(all []api.Budget, who access.Identity) []api.Budget {
	var out, keys []api.Budget
	for i := range all {
		switch b := &all[i]; {
		case !api.SeesBudget(who, b):
		case b.Scope == "client_key":
			keys = append(keys, *b)
		default:
			out = append(out, *b)
		}
	}
	if len(keys) > keyBuckets {
		slices.SortFunc(keys, func(a, b api.Budget) int {
			x, y := fill(&a), fill(&b)
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		keys = keys[:keyBuckets]
	}
	return append(out, keys...)
}

func fill(b *api.Budget) float64 { return float64(b.Level) / float64(max(b.Capacity, 1)) }
