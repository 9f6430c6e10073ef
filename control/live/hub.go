package live

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
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
	waitingEvents     = 64     // for one watcher; more: it is left behind
	requestsPerSecond = 15     // request events for one watcher; more are left out
	patchBytes        = 12_000 // of one patch; what is less urgent comes with the next
	keyBuckets        = 100    // of client keys: the scarcest
)

// errSlow ends a watcher that does not keep up.
var errSlow = errors.New("live: the reader does not keep up")

// Hub tells watchers what the gateway sees. It is safe for concurrent use.
type Hub struct {
	o        Options
	watching atomic.Int64

	mu       sync.Mutex // short: requests that end wait for it
	watchers map[*watcher]bool
	views    map[string]*view // by what is seen: everything, or one owner's
	stop     context.CancelFunc
}

type watcher struct {
	who    access.Identity
	view   string
	events chan event // closed: it did not keep up
	lost   bool
	second int64 // of the request events that are counted
	n      int
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

// State answers the present.
func (h *Hub) State(who access.Identity) api.State { return h.see(who) }

// History answers the points of the last hour that begin at a moment or later. A
// key-owner has none: it is everybody's.
func (h *Hub) History(who access.Identity, from time.Time) []api.Point {
	if who.Role == access.KeyOwner {
		return []api.Point{}
	}
	return h.o.Meter.history(h.o.Now(), from)
}

// Watch calls emit with every event until the context ends, emit fails, or the reader
// does not keep up.
func (h *Hub) Watch(ctx context.Context, who access.Identity, emit func(string, []byte) error) error {
	w, state := h.join(who)
	defer h.leave(w)
	snapshot, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := emit("snapshot", snapshot); err != nil {
		return err
	}
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

// join adds a watcher, answers the state that later patches build on, and begins to look
// when it is the first.
func (h *Hub) join(who access.Identity) (*watcher, *api.State) {
	w := &watcher{who: who, view: viewOf(who), events: make(chan event, waitingEvents)}
	state := h.see(who) // perhaps for nothing; but nobody waits for it
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.views[w.view]
	if v == nil {
		v = newView(who, &state)
		h.views[w.view] = v
	}
	v.watchers++
	h.watchers[w] = true
	if h.watching.Add(1) == 1 {
		ctx, stop := context.WithCancel(context.Background())
		h.stop = stop
		go h.look(ctx)
	}
	return w, v.told
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

// sample tells every watcher what has changed in what it sees. What takes long is done
// without the lock; only this goroutine changes what was told of a view.
func (h *Hub) sample() {
	h.mu.Lock()
	views := maps.Clone(h.views)
	h.mu.Unlock()
	for name, v := range views {
		state := h.see(v.who)
		data, told := v.next(&state, patchBytes)
		if data == nil {
			continue
		}
		h.mu.Lock()
		if h.views[name] == v { // or all have left, and others come
			v.told = told
			for w := range h.watchers {
				if w.view == name {
					w.send(event{"patch", data})
				}
			}
		}
		h.mu.Unlock()
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
	if h.watching.Load() == 0 {
		return
	}
	var data []byte
	second := r.Start.Add(r.Duration).Unix()
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		mine := w.who.Role != access.KeyOwner || r.Owner != "" && r.Owner == w.who.Owner
		if !mine || !w.mayHear(second) {
			continue
		}
		if data == nil {
			data, _ = json.Marshal(api.LineOf(r)) // plain data always encodes
		}
		w.send(event{"request", data})
	}
}

// mayHear counts a request event of a second, and says whether it is one too many.
func (w *watcher) mayHear(second int64) bool {
	if w.second != second {
		w.second, w.n = second, 0
	}
	w.n++
	return w.n <= requestsPerSecond
}

// see is the state as somebody sees it.
func (h *Hub) see(who access.Identity) api.State {
	now := h.o.Now()
	s := api.State{Now: api.Now{At: now.Truncate(time.Millisecond), Node: h.o.Node}, Queue: map[string]api.Lane{}, Budgets: map[string]api.Budget{},
		Upstreams: map[string]api.Upstream{}, Routes: map[string]api.RouteShares{}, Alerts: map[string]any{}}
	for _, b := range seen(h.o.Source.Budgets(), who) {
		s.Budgets[b.Scope+"/"+b.Name+"/"+b.Limit] = readable(b)
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
		u.Latency = coarse(u.Latency)
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
