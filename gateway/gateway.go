package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"log/slog"
	mrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/gateway/cache"
	"github.com/sluice-gateway/sluice/gateway/protection"
	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/shedding"
	"github.com/sluice-gateway/sluice/telemetry"
)

// Connect makes what a gateway needs to talk to a provider: its dialect and an HTTP
// client. It is called for every provider of every configuration and must not touch
// the network.
type Connect func(p *config.Provider, preset providers.Preset) (providers.Dialect, *http.Client, error)

// Options are what a Gateway is made of.
type Options struct {
	Config  *config.Config    // required
	Connect Connect           // required
	Tokens  *tokens.Estimator // required
	// Embeddings turns the embeddings of an answer into the form that a client asked
	// for (float, base64 or ""). Required.
	Embeddings func(body []byte, want string) ([]byte, error)
	// Keys are the stored client keys and their owners, beside those of the file, which
	// come first where a credential or an owner's name is in both. Nil: none.
	Keys *auth.Directory
	// Sink takes every finished request's record, and every attempt when it is settled
	// if it is a [telemetry.AttemptSink]. Nil: none.
	Sink telemetry.Sink
	// Content says how many bytes of each prompt and each answer records carry; it is
	// asked once per request. Nil or 0: none are kept, and nothing is copied.
	Content func() int
	// Log takes what is not a request's record. Nil: discarded.
	Log *slog.Logger
	// Overlay is what operators have said about upstream keys; see SetOverlay. Zero:
	// nothing.
	Overlay Overlay
	// KeyEvents takes what happens to upstream keys by itself. It must not wait. Nil: it
	// is only logged.
	KeyEvents func(KeyEvent)
}

// Gateway is the data plane. It is safe for concurrent use.
type Gateway struct {
	clock   clock
	connect Connect
	tokens  *tokens.Estimator
	sink    telemetry.Sink
	keep    func() int // bytes of content; nil: none
	log     *slog.Logger
	keys    *upstreamKeys
	life    context.Context // ends when open calls have to
	end     context.CancelFunc

	embeddings func(body []byte, want string) ([]byte, error)
	keyEvents  func(KeyEvent)

	attempts telemetry.AttemptSink

	cache   *cache.Cache
	keyring *keyring

	guard  *protection.Guard
	trails trails

	current  atomic.Pointer[generation]
	applying sync.Mutex
	draining atomic.Bool
	shedFrom atomic.Uint32 // a shedding.Class
	buffers  sync.Pool
}

// New makes a gateway that serves a valid configuration.
func New(o Options) (*Gateway, error) {
	if o.Config == nil || o.Connect == nil || o.Tokens == nil || o.Embeddings == nil {
		return nil, errors.New("gateway: Options need Config, Connect, Embeddings and Tokens")
	}
	g := &Gateway{clock: newClock(), connect: o.Connect, tokens: o.Tokens, sink: o.Sink, log: o.Log, embeddings: o.Embeddings, keep: o.Content}
	g.life, g.end = context.WithCancel(context.Background())
	g.buffers.New = func() any { return new([]byte) }
	if g.sink == nil {
		g.sink = telemetry.Nop{}
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if g.keyEvents = o.KeyEvents; g.keyEvents == nil {
		g.keyEvents = func(KeyEvent) {}
	}
	g.keys = newUpstreamKeys(g.random)
	g.keys.overlay = o.Overlay
	g.shedFrom.Store(shedding.Classes)
	g.cache = cache.New(cache.Options{})
	if o.Keys == nil {
		o.Keys = auth.NewDirectory()
	}
	g.keyring = newKeyring(g.clock, o.Keys)
	g.guard = protection.New(protection.Options{})
	sinks := telemetry.Multi{g.sink, &g.trails}
	g.sink, g.attempts = sinks, sinks
	return g, g.Apply(o.Config)
}

// Apply replaces the configuration without dropping a call: everything that can fail
// is done before anything live is touched. Calls under way end under the generation
// they began with; waiting ones move to the new one.
func (g *Gateway) Apply(cfg *config.Config) error {
	commit, err := g.Prepare(cfg)
	if err == nil {
		commit()
	}
	return err
}

// Prepare builds what Apply would put in force, and touches nothing live; commit puts it
// in force.
func (g *Gateway) Prepare(cfg *config.Config) (commit func(), err error) {
	old := g.current.Load()
	n, err := g.build(cfg, old)
	if err != nil {
		return nil, err
	}
	return func() {
		g.applying.Lock()
		defer g.applying.Unlock()
		if now := g.current.Load(); now != old { // another one has come in force meanwhile
			old = now
			if n, err = g.build(cfg, now); err != nil {
				g.log.Error("configuration not in force", "error", err.Error())
				return
			}
		}
		g.swap(cfg, n, old)
	}, nil
}

// swap puts a generation in the place of the old one.
func (g *Gateway) swap(cfg *config.Config, n, old *generation) {
	var before []*dispatcher
	if old != nil {
		before = old.dispatchers
	}
	g.keys.mu.Lock()
	handOver(before, n.dispatchers, func() {
		for _, change := range n.update {
			change()
		}
		n.update = nil
		g.keys.adopt(n, time.Now())
	}, n.place)
	g.keys.mu.Unlock()
	g.keyring.handOver(old, n)
	g.current.Store(n)
	g.sayTwice(n)
	if names := g.unpriced(n); len(names) > 0 {
		g.log.Warn("models without a price cost nothing, and limits in dollars do not see them: add them to prices", "models", names)
	}
	g.cache.Configure(cache.Options{Memory: max(cfg.Cache.Memory, 1), MaxEntry: cfg.Cache.MaxEntry}) // zero means nothing here
	g.trails.resize(cfg.Server.Trails)
	g.guard.Configure(protection.Options{
		MaxInFlight: int64(cfg.Server.MaxInFlight), MaxBodyBytes: cfg.Server.MaxBodyMemory, HeapShare: cfg.Server.HeapLimit,
	})
}

// Config is the configuration in force; it must not be changed.
func (g *Gateway) Config() *config.Config { return g.current.Load().cfg }

// Run does the background work (probing keys, taking out those that expire, watching
// the process) until the context ends.
func (g *Gateway) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, work := range []func(context.Context){g.watchProcess, g.keyring.run, g.watchExpiry, g.watchKeys} {
		all.Go(func() { work(ctx) })
	}
	all.Wait()
}

// sampleEvery is the pause between looks at the process's own use.
const sampleEvery = 250 * time.Millisecond

func (g *Gateway) watchProcess(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			g.guard.Refresh()
			g.watchClock(time.Now())
		}
	}
}

// Protection is what the self-protection sees now.
func (g *Gateway) Protection() protection.State { return g.guard.State() }

// ShedFrom sheds a class and those below, whatever the load: their calls are refused
// where they would have to wait. Calls that have room at once go on, and so do those that
// wait already. shedding.Classes ends it. A reload does not.
func (g *Gateway) ShedFrom(c shedding.Class) { g.shedFrom.Store(uint32(c)) }

// Drain makes readiness fail, so that balancers send new calls elsewhere.
func (g *Gateway) Drain() { g.draining.Store(true) }

// Abort ends every open call: streams in an error event, others with 503.
func (g *Gateway) Abort() { g.end() }

// InFlight is the number of calls inside the gateway now, waiting ones included.
func (g *Gateway) InFlight() int64 { return g.guard.InFlight() }

// Handler is the API.
func (g *Gateway) Handler() http.Handler {
	r := chi.NewRouter()
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") })
	r.Get("/readyz", g.ready)
	r.Post("/v1/chat/completions", g.serve(providers.ChatCompletions))
	r.Post("/v1/completions", g.serve(providers.Completions))
	r.Post("/v1/embeddings", g.serve(providers.Embeddings))
	r.Get("/v1/models", g.models)
	r.Get("/v1/models/*", g.model)
	r.NotFound(g.notFound)
	r.MethodNotAllowed(g.methodNotAllowed)
	return g.bounded(r)
}

// bounded refuses calls before anything of them is read while the process is short of
// something. Health always answers.
func (g *Gateway) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A connection keeps the deadline of its last answer; this one has its own.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // where it is supported
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		ok, why := g.guard.Enter()
		if !ok {
			g.turnAway(w, why)
			return
		}
		defer g.guard.Leave()
		next.ServeHTTP(w, r)
	})
}

// turnAway answers for a call that the gateway has no room for itself.
func (g *Gateway) turnAway(w http.ResponseWriter, why protection.Reason) {
	w.Header().Set("X-Request-Id", newRequestID())
	if why == protection.Files { // a connection that stays open keeps its descriptor
		w.Header().Set("Connection", "close")
	}
	e := errProtected(why)
	now := g.clock.now()
	g.sink.Record(&telemetry.Record{
		ID: w.Header().Get("X-Request-Id"), Start: g.clock.time(now), Outcome: "shed", Status: e.status, ErrorCode: e.code,
		ShedReason: string(why), Priority: "unknown", Fault: telemetry.FaultOf("shed", e.code, string(why)),
	})
	e.write(w, g.random)
}

// errProtected is the refusal of a gateway that protects itself.
func errProtected(why protection.Reason) *apiError {
	return &apiError{status: http.StatusServiceUnavailable, kind: "overloaded", code: "shed", retryAfter: time.Second, outcome: "shed",
		message: "The gateway itself is at its limit (" + strings.ReplaceAll(string(why), "_", " ") + "). Please try again in 1s."}
}

func (g *Gateway) ready(w http.ResponseWriter, _ *http.Request) {
	if g.draining.Load() {
		plain(w, http.StatusServiceUnavailable, "draining\n")
		return
	}
	plain(w, http.StatusOK, "ready\n")
}

func (g *Gateway) notFound(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Request-Id", newRequestID())
	invalidRequest(http.StatusNotFound, "unknown_url", "",
		"Unknown request URL: "+r.Method+" "+clip(r.URL.Path, 200)+".").write(w, g.random)
}

func (g *Gateway) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Request-Id", newRequestID())
	invalidRequest(http.StatusMethodNotAllowed, "method_not_supported", "",
		"Not allowed to "+clip(r.Method, 20)+" on "+clip(r.URL.Path, 200)+".").write(w, g.random)
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

// random is a number in [0,1), safe for concurrent use.
func (g *Gateway) random() float64 { return mrand.Float64() }

// newRequestID is the gateway's own name of a request; no client chooses it.
func newRequestID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails
	return "req_" + base32.HexEncoding.EncodeToString(b[:])
}

// place answers where a route lives, for calls that a reload moves.
func (n *generation) place(name string) (*dispatcher, *admission.Route) {
	r := n.routes[name]
	if r == nil {
		return nil, nil
	}
	return r.dispatcher, r.admission
}
