package simulation

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/shedding"
	"github.com/sluice-gateway/sluice/simulation/trace"
)

// Traffic says what becomes of a recording before it is played.
type Traffic struct {
	// Load multiplies the calls: above 1, calls are repeated a little earlier or later;
	// below, some are left out. Zero: 1.
	Load float64
	// Route is what calls ask for that do not name a model, or a model without a route.
	Route string
	// Routes are the names that calls may ask for.
	Routes []string
	// MaxTokens is what calls declare that declare nothing; zero: nothing. Answers are
	// cut to what is declared.
	MaxTokens int64
	// Classes are the shares of the classes among the calls that name none, by class;
	// all zero: normal.
	Classes [shedding.Classes]float64
	// Own are the classes of clients, by name: of those calls that name none, and the
	// highest of those that do. Clients that are not in it may ask for anything.
	Own map[string]shedding.Class
	// Clients is the number of clients that calls without one are spread over; the
	// first makes Heavy times as many calls as each other. Zero: one client.
	Clients int
	Heavy   float64
	// Bursty, above zero, replaces the recorded moments by random ones of the same
	// mean rate, whose gaps have this squared coefficient of variation (1 is Poisson's).
	Bursty float64
	Seed   uint64
}

// shift is how far a repeated call is moved away from its original.
const shift = 20 * time.Second

// Play makes a run's calls of a recording.
func (t Traffic) Play(rec *trace.Trace) []Call {
	rnd := rand.New(rand.NewPCG(t.Seed, 0x7a))
	load := t.Load
	if load <= 0 {
		load = 1
	}
	out := make([]Call, 0, int(float64(len(rec.Calls))*load)+1)
	for i := range rec.Calls {
		copies := int(load)
		if rnd.Float64() < load-float64(copies) {
			copies++
		}
		for n := range copies {
			c := t.call(&rec.Calls[i], rnd)
			if n > 0 || load < 1 {
				c.At = max(c.At+time.Duration((2*rnd.Float64()-1)*float64(shift)), 0)
			}
			out = append(out, c)
		}
	}
	sortCalls(out)
	if t.Bursty > 0 && len(out) > 1 {
		t.scatter(out, rnd)
	}
	return out
}

// sortCalls puts calls in order of time.
func sortCalls(calls []Call) {
	slices.SortStableFunc(calls, func(a, b Call) int { return cmp.Compare(a.At, b.At) })
}

// scatter gives the calls random moments: gaps are of a short and a long kind
// (hyperexponential with balanced means), which makes bursts.
func (t Traffic) scatter(calls []Call, rnd *rand.Rand) {
	mean := float64(calls[len(calls)-1].At) / float64(len(calls))
	p := (1 + math.Sqrt(max(t.Bursty-1, 0)/(t.Bursty+1))) / 2
	at := 0.0
	rnd.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
	for i := range calls {
		calls[i].At = time.Duration(at)
		share := p
		if rnd.Float64() >= p {
			share = 1 - p
		}
		at += rnd.ExpFloat64() * mean / (2 * share)
	}
}

func (t Traffic) call(r *trace.Call, rnd *rand.Rand) Call {
	c := Call{At: r.At, Input: max(r.Input, 1), Output: r.Output, MaxTokens: r.MaxTokens, Route: r.Model, Client: r.Client}
	if c.MaxTokens <= 0 {
		c.MaxTokens = t.MaxTokens
	}
	if c.MaxTokens > 0 {
		c.Output = min(c.Output, c.MaxTokens)
	}
	if len(t.Routes) > 0 && !slices.Contains(t.Routes, c.Route) || c.Route == "" {
		c.Route = t.Route
	}
	drawn := t.class(r.Priority, rnd)
	if c.Client == "" && t.Clients > 0 {
		c.Client = t.client(rnd)
	}
	c.Class = drawn
	if own, known := t.Own[c.Client]; known {
		c.Class = max(drawn, own)
		if r.Priority == "" && t.Classes == ([shedding.Classes]float64{}) {
			c.Class = own
		}
	}
	for _, b := range []byte(r.Session) {
		c.Affinity = c.Affinity*31 + uint64(b)
	}
	return c
}

func (t Traffic) class(name string, rnd *rand.Rand) shedding.Class {
	if name != "" {
		if c, err := shedding.ParseClass(name); err == nil {
			return c
		}
	}
	x := rnd.Float64()
	for i, share := range t.Classes {
		if x -= share; x < 0 {
			return shedding.Class(i)
		}
	}
	return shedding.Normal
}

func (t Traffic) client(rnd *rand.Rand) string {
	heavy := max(t.Heavy, 1)
	x := rnd.Float64() * (float64(t.Clients-1) + heavy)
	n := 0
	if x >= heavy {
		n = 1 + int(x-heavy)
	}
	return "client-" + string(rune('a'+n%26)) + digits(n/26)
}

func digits(n int) string {
	if n == 0 {
		return ""
	}
	return digits(n/10) + string(rune('0'+n%10))
}

// Offered is the tokens per minute of a recording, input and output together.
func Offered(calls []Call) float64 {
	sum := int64(0)
	for i := range calls {
		sum += calls[i].Input + calls[i].Output
	}
	if len(calls) == 0 || calls[len(calls)-1].At <= 0 {
		return 0
	}
	return float64(sum) / calls[len(calls)-1].At.Minutes()
}
