package live

import (
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/telemetry"
	"github.com/sluice-gateway/sluice/web/api"
)

// The windows.
const (
	second      = time.Second
	stride      = 10 * time.Second
	pastPoints  = 360 // strides: the last hour
	recent      = 60  // seconds
	routeSlots  = 10  // minutes
	mostTargets = 2000
	mostKeys    = 100 // that are told apart in one slot
)

// noRoom is the decision of a call that did not fit where it would have gone first.
const noRoom = "no_room"

// slot is what happened in one piece of time.
type slot struct {
	at                                                       int64 // which piece; the index of another one: it is old
	requests, tokens, spared, refused, failed, cost, granted int64
	waited, rotated, changed                                 int64            // of those that were spared
	shed, dropped                                            map[string]int64 // by class
	moved                                                    map[string]int64 // for lack of room, by the target that they went to
	limited                                                  map[string]int64 // by the client key whose own limits were met
	overhead, firstByte                                      histogram
}

// routeSlot is a minute of a route.
type routeSlot struct {
	at     int64
	served map[string]int64
	from   map[string]map[string]int64 // why calls went on, by the target that they left
	failed int64
}

// Meter counts finished requests. It is a telemetry.Sink, safe for concurrent use.
type Meter struct {
	mu      sync.Mutex
	seconds [recent]slot
	past    [pastPoints]slot
	routes  map[string]*[routeSlots]routeSlot
}

// NewMeter makes a meter that has seen nothing.
func NewMeter() *Meter { return &Meter{routes: map[string]*[routeSlots]routeSlot{}} }

// Record counts a request at the moment at which it ended.
func (m *Meter) Record(r *telemetry.Record) {
	end := r.Start.Add(r.Duration)
	m.mu.Lock()
	defer m.mu.Unlock()
	count(fresh(m.seconds[:], end.UnixNano()/int64(second)), r)
	count(fresh(m.past[:], end.UnixNano()/int64(stride)), r)
	m.countRoute(r, end.Unix()/60)
}

// fresh is the slot of a piece of time, emptied if it still tells an older one.
func fresh(slots []slot, at int64) *slot {
	s := &slots[at%int64(len(slots))]
	if s.at < at {
		*s = slot{at: at}
	}
	return s
}

func count(s *slot, r *telemetry.Record) {
	s.requests++
	s.tokens += r.Input + r.Output
	s.cost += r.Cost
	s.spared += one(r.Spared)
	s.waited += one(r.Spared && r.Waited)
	s.rotated += one(r.Spared && r.Rotated)
	s.changed += one(r.Spared && r.Moved)
	for i := range r.Attempts {
		if r.Attempts[i].Status == http.StatusTooManyRequests {
			s.refused++
		}
	}
	if failed(r) {
		s.failed++
	}
	if r.ShedReason != "" {
		plus(&s.shed, r.Priority, 1)
	}
	if r.ShedReason == "queue_full" {
		plus(&s.dropped, r.Priority, 1)
	}
	if r.Outcome == "limited" && (len(s.limited) < mostKeys || s.limited[r.Key] > 0) {
		plus(&s.limited, r.Key, 1)
	}
	for _, d := range r.Decisions {
		if d.To != "" && d.Reason == noRoom {
			plus(&s.moved, d.To, 1)
		}
	}
	if r.FirstByte > 0 {
		s.granted++
		s.overhead.add(r.Overhead)
		s.firstByte.add(r.FirstByte)
	}
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// plus counts in a map that is made when it is needed.
func plus(m *map[string]int64, name string, n int64) {
	if *m == nil {
		*m = map[string]int64{}
	}
	(*m)[name] += n
}

// failed says that an upstream or the gateway was at fault.
func failed(r *telemetry.Record) bool {
	f := telemetry.FaultOf(r.Outcome, r.ErrorCode, r.ShedReason)
	return f == telemetry.FaultProvider || f == telemetry.FaultGateway && r.ShedReason == ""
}

func (m *Meter) countRoute(r *telemetry.Record, minute int64) {
	if r.Route == "" {
		return
	}
	slots := m.routes[r.Route]
	if slots == nil {
		if len(m.routes) >= mostTargets {
			return // routes come from the configuration: more were never asked for
		}
		slots = new([routeSlots]routeSlot)
		m.routes[r.Route] = slots
	}
	s := &slots[minute%routeSlots]
	if s.at < minute {
		*s = routeSlot{at: minute, served: map[string]int64{}, from: map[string]map[string]int64{}}
	}
	if r.ServedModel != "" && r.Outcome == "ok" {
		target := r.Provider + "/" + r.ServedModel
		if r.Cache == "hit" {
			target = "cache" // no upstream was asked
		}
		s.served[target]++
	}
	for _, d := range r.Decisions {
		if d.Reason == noRoom {
			s.left(d.From, noRoom)
		}
	}
	for i := 0; i+1 < len(r.Attempts); i++ { // the last one led nowhere else
		if a := &r.Attempts[i]; a.Kind != "" {
			s.left(a.Provider+"/"+a.Model, a.Kind)
		}
	}
	if failed(r) {
		s.failed++
	}
}

// left counts a call that went on from a target.
func (s *routeSlot) left(target, reason string) {
	m := s.from[target]
	plus(&m, reason, 1)
	s.from[target] = m
}

// figures are the numbers of the last moments.
type figures struct {
	now    api.Now
	minute slot // the last one
}

// figures answers the numbers at a moment. Rates leave the second out that has just
// begun.
func (m *Meter) figures(now time.Time) figures {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := now.UnixNano() / int64(second)
	f := figures{now: api.Now{At: now}}
	minute := &f.minute
	var rates slot
	for i := range m.seconds {
		s := &m.seconds[i]
		if s.at > at || s.at <= at-recent {
			continue
		}
		minute.add(s)
		if s.at < at && s.at >= at-10 {
			rates.add(s)
		}
	}
	n := &f.now
	n.RequestsPerSecond, n.TokensPerSecond = float64(rates.requests)/10, float64(rates.tokens)/10
	n.Spared, n.Refused429, n.Failed = minute.spared, minute.refused, minute.failed
	n.Waited, n.Rotated, n.Moved = minute.waited, minute.rotated, minute.changed
	n.CostPerHour = minute.cost * 60
	n.OverheadP50, n.OverheadP99 = minute.overhead.quantile(.5), minute.overhead.quantile(.99)
	n.FirstByteP50, n.FirstByteP99 = minute.firstByte.quantile(.5), minute.firstByte.quantile(.99)
	n.Typical = map[string]int64{"requests": 1, "concurrency": 1}
	if minute.granted > 0 {
		n.Typical["tokens"] = max(minute.tokens/minute.granted, 1)
		n.Typical["cost"] = minute.cost / minute.granted
	}
	return f
}

func (s *slot) add(o *slot) {
	s.requests += o.requests
	s.tokens += o.tokens
	s.spared += o.spared
	s.refused += o.refused
	s.failed += o.failed
	s.cost += o.cost
	s.granted += o.granted
	s.waited += o.waited
	s.rotated += o.rotated
	s.changed += o.changed
	s.overhead.merge(&o.overhead)
	s.firstByte.merge(&o.firstByte)
	for _, x := range []struct {
		to   *map[string]int64
		from map[string]int64
	}{{&s.shed, o.shed}, {&s.dropped, o.dropped}, {&s.moved, o.moved}, {&s.limited, o.limited}} {
		for name, n := range x.from {
			plus(x.to, name, n)
		}
	}
}

// history answers the last hour from a moment on, the oldest first.
func (m *Meter) history(now, from time.Time) []api.Point {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := now.UnixNano() / int64(stride)
	out := []api.Point{}
	for i := at - pastPoints + 1; i <= at; i++ {
		s := &m.past[i%pastPoints]
		if i < 0 || s.at != i || s.requests == 0 || time.Unix(i*int64(stride/second), 0).Before(from) {
			continue
		}
		out = append(out, api.Point{
			At: i * int64(stride/second), Requests: s.requests, Tokens: s.tokens, Spared: s.spared, Refused429: s.refused, Failed: s.failed,
			Shed: maps.Clone(s.shed), Cost: s.cost,
			Overhead:  [2]float64{s.overhead.quantile(.5), s.overhead.quantile(.99)},
			FirstByte: [2]float64{s.firstByte.quantile(.5), s.firstByte.quantile(.99)},
		})
	}
	return out
}

// shares answers how each route's calls went in the last ten minutes.
func (m *Meter) shares(now time.Time) map[string]api.RouteShares {
	m.mu.Lock()
	defer m.mu.Unlock()
	oldest := now.Unix()/60 - routeSlots + 1
	out := make(map[string]api.RouteShares, len(m.routes))
	for name, slots := range m.routes {
		r := api.RouteShares{Served: map[string]int64{}, Moved: map[string]int64{}, From: map[string]map[string]int64{}}
		for i := range slots {
			s := &slots[i]
			if s.at < oldest {
				continue
			}
			for target, n := range s.served {
				r.Served[target] += n
			}
			for target, reasons := range s.from {
				for reason, n := range reasons {
					r.Moved[reason] += n
					m := r.From[target]
					plus(&m, reason, n)
					r.From[target] = m
				}
			}
			r.Failed += s.failed
		}
		out[name] = r
	}
	return out
}
