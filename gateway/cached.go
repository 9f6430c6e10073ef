package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/gateway/cache"
)

// cachePolicy is which of a route's answers are kept for calls that ask the same.
type cachePolicy struct {
	ttl     time.Duration // zero: none
	scope   string        // key, owner or all
	streams bool
	// identity is what answers depend on beside the request: the route and its targets.
	identity string
	// model is the one whose answers are kept; empty: any. An ordered route's answers by
	// a fallback are for those who wait for them and for nobody later.
	model string
}

func newCachePolicy(c *config.Route, bounds config.Cache) cachePolicy {
	if c.Cache.TTL <= 0 || bounds.Memory <= 0 {
		return cachePolicy{}
	}
	p := cachePolicy{ttl: c.Cache.TTL, scope: c.Cache.Scope, streams: c.Cache.Streams, identity: c.Name}
	for _, t := range c.Targets {
		p.identity += "\x00" + t.String()
		if p.model == "" && !t.Paused && c.Strategy == "ordered" {
			p.model = t.Model
		}
	}
	return p
}

// What x-sluice-cache, the record and the metric say.
const (
	cacheHit    = "hit"    // the answer was there, or another call under way brought it
	cacheMiss   = "miss"   // it was not
	cacheBypass = "bypass" // nobody looked
)

// consult looks for the answer among those that are kept or under way, before the call
// has taken anything of anybody's budget. True: the client has its answer.
func (x *exchange) consult(ctx context.Context) (bool, *apiError) {
	p := &x.route.cache
	if p.ttl <= 0 {
		return false, nil
	}
	x.record.Cache = cacheBypass
	asked := cacheControl(x.r.Header)
	if asked.noStore || x.req.Store || x.req.Stream && !p.streams {
		return false, nil
	}
	name, err := x.cacheName(p)
	if err != nil {
		return false, errInternal(err) // what has been read once reads again
	}
	maxAge := min(p.ttl, asked.maxAge)
	if maxAge <= 0 {
		x.place = x.g.cache.Alone(name)
		return false, nil
	}
	x.record.Cache = cacheMiss
	answer, place, leads := x.g.cache.Join(x.g.clock.time(x.g.clock.now()), name, maxAge)
	x.place = place
	if answer == nil && !leads {
		var refused *apiError
		if answer, refused = x.follow(ctx, name); refused != nil {
			return false, refused
		}
	}
	if answer == nil {
		return false, nil
	}
	x.record.Cache = cacheHit
	x.replay(answer)
	return true, nil
}

// cacheName is the hash of all that the answer depends on, and of who may have it.
func (x *exchange) cacheName(p *cachePolicy) (cache.Name, error) {
	buf := x.g.buffers.Get().(*[]byte)
	defer x.g.buffers.Put(buf)
	key := x.client.key
	whose := "key\x00" + key.ID
	switch {
	case p.scope == "all":
		whose = "all"
	case p.scope == "owner" && key.Owner != "":
		whose = "owner\x00" + key.Owner
	}
	b := (*buf)[:0]
	for _, part := range [...]string{whose, p.identity, x.endpoint.String()} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	b = binary.AppendUvarint(b, uint64(x.capped)) // a shorter answer to the same body
	b, err := x.req.Canonical(b, silentFields()...)
	if err != nil {
		return cache.Name{}, err
	}
	*buf = b
	return sha256.Sum256(b), nil
}

// silentFields tell providers who is asking, and change nothing in the answer.
func silentFields() []string {
	return []string{"user", "safety_identifier", "metadata", "prompt_cache_key", "prompt_cache_retention"}
}

// caching is what a request's Cache-Control says.
type caching struct {
	noStore bool
	maxAge  time.Duration
}

// cacheControl reads no-store, no-cache and max-age; what else it says is for others.
func cacheControl(h http.Header) caching {
	c := caching{maxAge: math.MaxInt64}
	for _, line := range h["Cache-Control"] {
		for word := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(word)), "=")
			switch name {
			case "no-store":
				c.noStore = true
			case "no-cache":
				c.maxAge = 0
			case "max-age":
				if n, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
					c.maxAge = min(c.maxAge, time.Duration(n)*time.Second)
				}
			}
		}
	}
	return c
}

// stillQueued is the pause between looks at a leader that a follower has no more patience
// for unless an upstream works on its answer already.
const stillQueued = 250 * time.Millisecond

// follow waits for the answer of a call under way that asks the same. Nil and no
// refusal: this call has to ask itself. While the leader stands in the queue, a follower
// waits no longer than it would in the queue; afterwards like for its own answer.
func (x *exchange) follow(ctx context.Context, name cache.Name) (*cache.Answer, *apiError) {
	began := x.g.clock.now()
	defer func() { x.waited += x.g.clock.now().Sub(began) }()
	patience := time.NewTimer(max(x.start.Add(x.maxWait()).Sub(began), 0))
	defer patience.Stop()
	comments := x.commentTicks()
	defer comments.Stop()
	for {
		select {
		case turn := <-x.place.Turn():
			return turn.Answer, nil
		case <-ctx.Done():
			x.place.Leave(false)
			return nil, x.gone(ctx)
		case <-comments.C:
			x.comment()
		case <-patience.C:
			if x.place.Sending() {
				patience.Reset(stillQueued)
				continue
			}
			x.place.Leave(false)
			select {
			case turn := <-x.place.Turn(): // told while it was leaving
				if turn.Answer != nil {
					return turn.Answer, nil
				}
			default:
			}
			x.place = x.g.cache.Alone(name)
			return nil, nil
		}
	}
}

// replayPiece is how much of a kept answer is written under one deadline.
const replayPiece = 64 << 10

// replay gives the client an answer that was kept, or brought by another call.
func (x *exchange) replay(a *cache.Answer) {
	now := x.g.clock.now()
	x.record.FirstByte = now.Sub(x.start)
	x.record.Overhead = max(x.record.FirstByte-x.waited, 0)
	x.record.ServedModel, x.record.Stream = a.Model, x.req.Stream
	x.record.Outcome, x.record.Status = "ok", http.StatusOK
	out := http.NewResponseController(x.w)
	if !x.streamOpen {
		h := x.w.Header()
		h["Content-Type"] = []string{"application/json"}
		if x.req.Stream {
			h["Content-Type"] = []string{"text/event-stream"}
			h["Cache-Control"] = []string{"no-cache"}
			h["X-Accel-Buffering"] = []string{"no"}
		} else {
			h["Content-Length"] = []string{itoa(len(a.Body))}
		}
		h["X-Sluice-Model"], h["X-Sluice-Provider"] = []string{a.Model}, []string{a.Provider}
		h["Age"] = []string{strconv.FormatInt(int64(x.g.clock.time(now).Sub(a.Stored)/time.Second), 10)}
		x.limitHeaders()
		x.outcomeHeaders()
		x.w.WriteHeader(http.StatusOK)
	}
	x.wroteHeader, x.streamOpen = true, false
	x.keepReplayed(a.Body)
	for body := a.Body; len(body) > 0; {
		n := min(len(body), replayPiece)
		x.deadline()
		if _, err := x.w.Write(body[:n]); err != nil {
			x.record.Outcome = "client_gone"
			return
		}
		body = body[n:]
		x.record.Bytes += int64(n)
	}
	if x.req.Stream {
		_ = out.Flush() // a client that has gone is found by its context
	}
}

// offer records a piece of the answer for the cache.
func (x *exchange) offer(piece []byte) {
	if x.place != nil {
		x.place.Add(piece)
	}
}

// offered ends an answer that is complete: it is kept, or only given to those who wait
// for it.
func (x *exchange) offered(t *target) {
	if x.place == nil {
		return
	}
	p := &x.route.cache
	now := x.g.clock.time(x.g.clock.now())
	a := cache.Answer{Provider: t.upstream.name, Model: t.model}
	switch {
	case x.filtered:
		x.place.Leave(true)
	case p.model != "" && p.model != t.model:
		x.place.Share(now, a)
	default:
		x.place.Keep(now, a, p.ttl)
	}
}

// forgo ends the place of a call that brings no answer; after one it does nothing.
func (x *exchange) forgo() {
	if x.place != nil {
		x.place.Leave(x.sent && x.record.Outcome != "client_gone")
	}
}

// filteredOut says that a provider's filter has cut one of the choices of a whole answer
// or a chunk.
func filteredOut(data []byte) bool {
	if !bytes.Contains(data, []byte(`content_filter"`)) {
		return false
	}
	var a struct {
		Choices []struct {
			FinishReason string `json:"finish_reason"`
		}
	}
	if json.Unmarshal(data, &a) != nil {
		return true // what cannot be read is not kept
	}
	for _, c := range a.Choices {
		if c.FinishReason == "content_filter" {
			return true
		}
	}
	return false
}
