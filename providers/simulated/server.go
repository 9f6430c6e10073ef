package simulated

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Account is a quota scope with its keys.
type Account struct {
	Name   string   `yaml:"name"`
	Keys   []string `yaml:"keys"`
	Limits []Limit  `yaml:"limits"` // the first that matches a model holds
}

// Options are what a Server is made of.
type Options struct {
	Accounts []Account `yaml:"accounts"`
	// FirstToken is the delay before the first token. Zero: none.
	FirstToken time.Duration `yaml:"first_token"`
	// TokensPerSecond is the speed of an answer. Zero: at once.
	TokensPerSecond int64 `yaml:"tokens_per_second"`
	// OutputTokens is an answer's length where max_tokens allows it. Zero: 64.
	OutputTokens int64 `yaml:"output_tokens"`
	// Headers sends x-ratelimit-* as OpenAI does.
	Headers bool `yaml:"headers"`
	// Failures are rules in force from the start.
	Failures []Rule `yaml:"failures"`
	// AnyKey is the account of keys that are nobody's. Empty: they get 401.
	AnyKey string `yaml:"any_key"`
	// Count counts a text's tokens. Nil: a quarter of its bytes.
	Count func(model, text string) int64 `yaml:"-"`
	// Now is the clock. Nil: the system's.
	Now func() time.Time `yaml:"-"`
}

// Server is the simulated provider. Safe for concurrent use.
type Server struct {
	o    Options
	keys map[string]*Account
	mux  *http.ServeMux

	mu       sync.Mutex
	quotas   map[quotaKey]*Quota
	stats    map[statsKey]*Stats
	failures []Rule
	used     []int
}

type quotaKey struct {
	account string
	limit   int
}

// New makes a server.
func New(o Options) *Server {
	if o.OutputTokens <= 0 {
		o.OutputTokens = 64
	}
	if o.Count == nil {
		o.Count = func(_, text string) int64 { return int64(len(text)+3) / 4 }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{o: o, keys: map[string]*Account{}, mux: http.NewServeMux(), quotas: map[quotaKey]*Quota{}, stats: map[statsKey]*Stats{}}
	for i := range o.Accounts {
		a := &o.Accounts[i]
		for _, k := range a.Keys {
			s.keys[k] = a
		}
		for j, l := range a.Limits {
			s.quotas[quotaKey{a.Name, j}] = NewQuota(l)
		}
	}
	s.SetFailures(o.Failures)
	s.mux.HandleFunc("POST /v1/chat/completions", s.serveChat)
	s.mux.HandleFunc("POST /v1/completions", s.serveCompletion)
	s.mux.HandleFunc("POST /v1/embeddings", s.serveEmbeddings)
	s.mux.HandleFunc("GET /v1/models", s.serveModels)
	s.mux.HandleFunc("GET /simulated/stats", s.serveStats)
	s.mux.HandleFunc("POST /simulated/reset", s.serveReset)
	return s
}

// ServeHTTP is http.Handler's.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// account finds whose key a request carries.
func (s *Server) account(r *http.Request) *Account {
	k, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if a := s.keys[k]; a != nil {
		return a
	}
	for i := range s.o.Accounts {
		if s.o.AnyKey != "" && s.o.Accounts[i].Name == s.o.AnyKey {
			return &s.o.Accounts[i]
		}
	}
	return nil
}

// quota finds what limits a model in an account; nil: nothing.
func (s *Server) quota(a *Account, model string) *Quota {
	for i, l := range a.Limits {
		if len(l.Models) == 0 {
			return s.quotas[quotaKey{a.Name, i}]
		}
		for _, p := range l.Models {
			if rest, ok := strings.CutSuffix(p, "*"); p == model || ok && strings.HasPrefix(model, rest) {
				return s.quotas[quotaKey{a.Name, i}]
			}
		}
	}
	return nil
}

// call is one admitted call.
type call struct {
	s              *Server
	account, model string
	quota          *Quota
	ticket         Ticket
	input, most    int64
	rule           *Rule
}

// maxBody bounds a request.
const maxBody = 64 << 20

// open reads a request, finds its account and fails it where that is asked for.
// False: it is answered.
func (s *Server) open(w http.ResponseWriter, r *http.Request, body any) (*Account, bool) {
	a := s.account(r)
	if a == nil {
		writeError(w, http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "Incorrect API key provided.")
		return nil, false
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(body); err != nil {
		writeError(w, http.StatusBadRequest, "invalid_request_error", "invalid_json", "We could not parse the JSON body of your request.")
		return nil, false
	}
	return a, true
}

// admit takes a call into its quota. Nil: it is answered.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, a *Account, model, prompt string, input, most int64) *call {
	c := &call{s: s, account: a.Name, model: model, input: input, most: most}
	s.count(a.Name, model, func(st *Stats) { st.Attempts++ })
	if c.rule = s.failure(a.Name, model, prompt); c.rule != nil && c.rule.Status == http.StatusTooManyRequests {
		s.count(a.Name, model, func(st *Stats) { st.Refused429++; st.ByKind["asked_for"]++ })
	} else if c.rule != nil {
		s.count(a.Name, model, func(st *Stats) { st.Failed++ })
	}
	if c.rule != nil && c.rule.answer(w, r) {
		return nil
	}
	if c.quota = s.quota(a, model); c.quota != nil {
		s.mu.Lock()
		now := s.o.Now().UnixNano()
		ticket, refusal := c.quota.Admit(now, input, most)
		requests, tokens := c.quota.Left(now)
		s.mu.Unlock()
		c.ticket = ticket
		if s.o.Headers {
			limitHeaders(w.Header(), c.quota.limit, requests, tokens)
		}
		if refusal != nil {
			s.count(a.Name, model, func(st *Stats) { st.Refused429++; st.ByKind[refusal.Kind]++ })
			refuse(w, model, a.Name, refusal)
			return nil
		}
	}
	s.count(a.Name, model, func(st *Stats) { st.InFlight++ })
	return c
}

// settle ends an admitted call with what it produced.
func (c *call) settle(output int64, cancelled bool) {
	if c.quota != nil {
		c.s.mu.Lock()
		c.quota.Settle(c.s.o.Now().UnixNano(), c.ticket, c.input, output)
		c.s.mu.Unlock()
	}
	c.s.count(c.account, c.model, func(st *Stats) {
		st.InFlight--
		st.InputTokens += c.input
		st.OutputTokens += output
		if cancelled {
			st.Cancelled++
		} else {
			st.OK++
		}
	})
}

func limitHeaders(h http.Header, l Limit, requests, tokens int64) {
	set := func(what string, limit, left int64) {
		if limit > 0 {
			h.Set("X-Ratelimit-Limit-"+what, strconv.FormatInt(limit, 10))
			h.Set("X-Ratelimit-Remaining-"+what, strconv.FormatInt(left, 10))
			h.Set("X-Ratelimit-Reset-"+what, (time.Duration(mulDivFloat(limit-left, limit)) * time.Nanosecond).Round(time.Millisecond).String())
		}
	}
	set("Requests", l.RPM, requests)
	set("Tokens", l.TPM, tokens)
}

func mulDivFloat(used, limit int64) float64 {
	return math.Max(float64(used)/float64(limit), 0) * float64(minute)
}

// refuse answers as OpenAI does.
func refuse(w http.ResponseWriter, model, account string, r *Refusal) {
	kind, unit := "requests", "requests per min (RPM)"
	if r.Kind == "tokens" || r.Kind == "too_large" {
		kind, unit = "tokens", "tokens per min (TPM)"
	}
	where := fmt.Sprintf("for %s in organization %s on %s: Limit %d, Used %d, Requested %d.", model, account, unit, r.Limit, r.Used, r.Requested)
	if r.Kind == "too_large" {
		writeError(w, http.StatusTooManyRequests, kind, "rate_limit_exceeded", "Request too large "+where+" The input or output tokens must be reduced in order to run successfully.")
		return
	}
	wait := max(r.RetryAfter, time.Millisecond)
	w.Header().Set("Retry-After", strconv.FormatInt(int64(math.Ceil(wait.Seconds())), 10))
	w.Header().Set("Retry-After-Ms", strconv.FormatInt(int64(math.Ceil(float64(wait)/1e6)), 10))
	writeError(w, http.StatusTooManyRequests, kind, "rate_limit_exceeded", "Rate limit reached "+where+" Please try again in "+wait.Round(time.Millisecond).String()+".")
}

func writeError(w http.ResponseWriter, status int, kind, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "type": kind, "param": nil, "code": code}})
}

// ListenAndServe serves until the context ends.
func ListenAndServe(ctx context.Context, addr string, s *Server) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
