package cache

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func at(seconds float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func name(s string) Name { return sha256.Sum256([]byte(s)) }

const minute = time.Minute

// keep brings an answer under a name.
func keep(c *Cache, now time.Time, n Name, body string, ttl time.Duration) bool {
	p := c.Alone(n)
	p.Add([]byte(body))
	return p.Keep(now, Answer{Model: "m"}, ttl)
}

// find looks for an answer without taking a place.
func find(c *Cache, now time.Time, n Name, maxAge time.Duration) string {
	a, p, _ := c.Join(now, n, maxAge)
	if a == nil {
		p.Leave(false)
		return ""
	}
	return string(a.Body)
}

func TestAnAnswerLivesAsLongAsItIsSaid(t *testing.T) {
	c := New(Options{})
	keep(c, at(0), name("a"), "one", minute)
	for _, q := range []struct {
		at     float64
		maxAge time.Duration
		want   string
	}{
		{0, minute, "one"}, {30, minute, "one"}, {30, 30 * time.Second, ""}, {29.9, 30 * time.Second, "one"}, {30, 0, ""},
		{59.9, time.Hour, "one"}, {60, time.Hour, ""}, {59.9, time.Hour, ""}, // it has been removed
	} {
		if got := find(c, at(q.at), name("a"), q.maxAge); got != q.want {
			t.Errorf("after %v s with %s: %q, want %q", q.at, q.maxAge, got, q.want)
		}
	}
	if u := c.Use(); u != (Use{}) {
		t.Errorf("something is left: %+v", u)
	}
	keep(c, at(0), name("a"), "one", minute)
	keep(c, at(1), name("a"), "two", minute)
	if got := find(c, at(60.5), name("a"), minute); got != "two" {
		t.Errorf("%q", got)
	}
	if keep(c, at(2), name("a"), "three", 0); find(c, at(2), name("a"), minute) != "two" {
		t.Error("what is not to be kept has replaced what is")
	}
}

func TestTheLeastRecentlyUsedGoes(t *testing.T) {
	body := string(bytes.Repeat([]byte("x"), 1000))
	c := New(Options{Memory: 3 * (1000 + overhead + 10)})
	for i, n := range []string{"a", "b", "c"} {
		keep(c, at(float64(i)), name(n), body, minute)
	}
	find(c, at(3), name("a"), minute)
	keep(c, at(4), name("d"), body, minute)
	for n, there := range map[string]bool{"a": true, "b": false, "c": true, "d": true} {
		if got := find(c, at(5), name(n), minute) != ""; got != there {
			t.Errorf("%s is kept: %v", n, got)
		}
	}
	c.Configure(Options{Memory: 1000 + overhead + 10})
	if u := c.Use(); u.Entries != 1 {
		t.Errorf("a smaller cache keeps %+v", u)
	}
}

func TestAnAnswerAboveTheBoundIsNotKept(t *testing.T) {
	c := New(Options{Memory: 10_000, MaxEntry: 100})
	if keep(c, at(0), name("a"), string(make([]byte, 101)), minute) || find(c, at(0), name("a"), minute) != "" {
		t.Error("it is kept")
	}
	if !keep(c, at(0), name("a"), string(make([]byte, 100)), minute) {
		t.Error("one of exactly the bound is not kept")
	}
	_, p, lead := c.Join(at(0), name("b"), minute)
	_, q, _ := c.Join(at(0), name("b"), minute)
	if !lead {
		t.Fatal("the first does not lead")
	}
	for range 11 {
		p.Add(make([]byte, 10))
	}
	if turn := <-q.Turn(); turn.Answer != nil || turn.Lead {
		t.Errorf("a follower of what grew too large is told %+v", turn)
	}
	if p.Keep(at(1), Answer{}, minute) {
		t.Error("it was kept nevertheless")
	}
	if u := c.Use(); u.Flights != 0 || u.Entries != 1 {
		t.Errorf("%+v", u)
	}
}

// What is being recorded counts too: many large answers at once stay within the bound.
func TestRecordingsCountAsMemory(t *testing.T) {
	c := New(Options{Memory: 10_000, MaxEntry: 5_000})
	keep(c, at(0), name("old"), string(make([]byte, 2000)), minute)
	var places []*Place
	for i := range 10 {
		p := c.Alone(name(fmt.Sprint(i)))
		p.Add(make([]byte, 3000))
		places = append(places, p)
		if u := c.Use(); u.Bytes > 10_000 {
			t.Fatalf("%+v", u)
		}
	}
	kept := 0
	for i, p := range places {
		if p.Keep(at(1), Answer{}, minute) {
			kept++
			if p.Keep(at(1), Answer{}, minute) {
				t.Error("it was kept twice")
			}
		}
		p.Leave(i%2 == 0)
	}
	if u := c.Use(); kept == 0 || kept > 3 || u.Bytes > 10_000 {
		t.Errorf("%d are kept: %+v", kept, u)
	}
}

func TestFollowersGetTheLeadersAnswer(t *testing.T) {
	c := New(Options{})
	_, leader, lead := c.Join(at(0), name("a"), minute)
	if !lead {
		t.Fatal("the first does not lead")
	}
	var followers []*Place
	for range 3 {
		a, p, lead := c.Join(at(0), name("a"), minute)
		if a != nil || lead {
			t.Fatal("a second leads")
		}
		followers = append(followers, p)
	}
	if followers[0].Sending() {
		t.Error("nothing was sent yet")
	}
	leader.Sent()
	if !followers[0].Sending() {
		t.Error("it was sent")
	}
	followers[1].Leave(false)
	leader.Add([]byte("hel"))
	leader.Add([]byte("lo"))
	if !leader.Keep(at(1), Answer{Model: "m", Provider: "p"}, minute) {
		t.Fatal("it is not kept")
	}
	for _, i := range []int{0, 2} {
		turn := <-followers[i].Turn()
		if turn.Answer == nil || string(turn.Answer.Body) != "hello" || turn.Answer.Model != "m" || !turn.Answer.Stored.Equal(at(1)) {
			t.Errorf("follower %d: %+v", i, turn)
		}
		followers[i].Leave(false)
	}
	select {
	case turn := <-followers[1].Turn():
		t.Errorf("one that left is told %+v", turn)
	default:
	}
	leader.Leave(true)
	if u := c.Use(); u.Entries != 1 || u.Flights != 0 || u.Bytes != 5+2+overhead {
		t.Errorf("%+v", u)
	}
}

func TestWhatIsSharedIsNotKept(t *testing.T) {
	c := New(Options{})
	_, leader, _ := c.Join(at(0), name("a"), minute)
	_, follower, _ := c.Join(at(0), name("a"), minute)
	leader.Add([]byte("hello"))
	leader.Share(at(1), Answer{})
	if turn := <-follower.Turn(); turn.Answer == nil || string(turn.Answer.Body) != "hello" {
		t.Errorf("%+v", turn)
	}
	if u := c.Use(); u != (Use{}) {
		t.Errorf("%+v", u)
	}
}

func TestAFlightOutlivesItsLeaders(t *testing.T) {
	c := New(Options{})
	_, leader, _ := c.Join(at(0), name("a"), minute)
	var rest []*Place
	for range 8 {
		_, p, _ := c.Join(at(0), name("a"), minute)
		rest = append(rest, p)
	}
	next := func() {
		t.Helper()
		turn := <-rest[0].Turn()
		if !turn.Lead || turn.Answer != nil {
			t.Fatalf("%+v", turn)
		}
		leader, rest = rest[0], rest[1:]
	}
	// Leaders whose clients go are no failures, however many they are.
	leader.Sent()
	leader.Add([]byte("half"))
	leader.Leave(false)
	next()
	if rest[0].Sending() {
		t.Error("the new leader has sent nothing")
	}
	leader.Leave(false)
	next()
	leader.Leave(false)
	next()
	// Two failures let the next ones try, the third frees the rest.
	leader.Leave(true)
	leader.Leave(true) // once is enough
	next()
	rest[0].Leave(true) // a follower's end is no failure
	rest = rest[1:]
	leader.Leave(true)
	next()
	leader.Leave(true)
	if len(rest) != 2 {
		t.Fatal(len(rest))
	}
	for _, p := range rest {
		if turn := <-p.Turn(); turn.Lead || turn.Answer != nil {
			t.Errorf("%+v", turn)
		}
		p.Add([]byte("own"))
		p.Keep(at(2), Answer{}, minute)
	}
	if got := find(c, at(3), name("a"), minute); got != "own" {
		t.Errorf("%q", got)
	}
	if u := c.Use(); u.Flights != 0 || u.Entries != 1 {
		t.Errorf("%+v", u)
	}
}

// A leader that was named while it was leaving hands on at once.
func TestALeaderThatDoesNotKnowItYetLeaves(t *testing.T) {
	c := New(Options{})
	_, a, _ := c.Join(at(0), name("a"), minute)
	_, b, _ := c.Join(at(0), name("a"), minute)
	_, d, _ := c.Join(at(0), name("a"), minute)
	a.Leave(false)
	b.Leave(false) // its turn was never read
	if turn := <-d.Turn(); !turn.Lead {
		t.Errorf("%+v", turn)
	}
	d.Leave(false)
	if u := c.Use(); u != (Use{}) {
		t.Errorf("%+v", u)
	}
}

// Whatever happens in whatever order: a name answers only what was kept under it and is
// young enough, the bytes are what the entries and recordings take, and no flight is
// left behind.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		memory := rapid.Int64Range(500, 20_000).Draw(t, "memory")
		c := New(Options{Memory: memory, MaxEntry: 3000})
		now := at(0)
		type stored struct {
			body string
			at   time.Time
			ttl  time.Duration
		}
		model := map[string]stored{}
		open := map[*Place]string{}
		var order []*Place
		recorded := map[*Place]string{}
		waiting := map[*Place]bool{}
		names := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
			for p := range waiting { // turns come without order: look at all
				select {
				case turn := <-p.Turn():
					delete(waiting, p)
					if turn.Answer != nil {
						if want := model[open[p]].body; string(turn.Answer.Body) != want && want != "" {
							t.Fatalf("a follower of %s got %q", open[p], turn.Answer.Body)
						}
						delete(open, p)
					}
				default:
				}
			}
			var any *Place
			for _, p := range order {
				if _, ok := open[p]; ok && !waiting[p] {
					any = p
					break
				}
			}
			switch step := rapid.IntRange(0, 3).Draw(t, "step"); {
			case step == 0 || any == nil:
				n := names.Draw(t, "name")
				maxAge := time.Duration(rapid.IntRange(0, 90).Draw(t, "age")) * time.Second
				a, p, lead := c.Join(now, name(n), maxAge)
				if a == nil {
					open[p] = n
					order = append(order, p)
					if !lead {
						waiting[p] = true
					}
					continue
				}
				was := model[n]
				if string(a.Body) != was.body || now.Sub(was.at) >= min(was.ttl, maxAge) {
					t.Fatalf("%s answers %q at %s", n, a.Body, now)
				}
			case step == 1:
				piece := open[any] + fmt.Sprintf("%*d", rapid.IntRange(1, 900).Draw(t, "bytes"), len(model))
				any.Add([]byte(piece))
				recorded[any] += piece
			case step == 2:
				ttl := time.Duration(rapid.IntRange(1, 100).Draw(t, "ttl")) * time.Second
				if any.Keep(now, Answer{}, ttl) {
					model[open[any]] = stored{recorded[any], now, ttl}
				}
				delete(open, any)
			case step == 3:
				any.Leave(rapid.Bool().Draw(t, "failed"))
				delete(open, any)
			}
			if u := c.Use(); u.Bytes > memory || u.Bytes < 0 {
				t.Fatalf("%d of %d bytes", u.Bytes, memory)
			}
		}
		for p := range open {
			p.Leave(false)
		}
		u, want := c.Use(), int64(0)
		for _, e := range c.entries.Values() {
			want += size(e.answer)
		}
		if u.Bytes != want || u.Flights != 0 {
			t.Fatalf("%+v at the end, and the entries take %d", u, want)
		}
	})
}

// The book-keeping is not far from what the entries really take.
func TestTheBoundIsTrue(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for _, n := range []int{10, 1000} {
		before := heap()
		c := New(Options{Memory: 16 << 20})
		body := bytes.Repeat([]byte("x"), n)
		for i := range 100_000 {
			p := c.Alone(name(fmt.Sprint(i)))
			p.Add(body)
			p.Keep(at(0), Answer{Model: "m", Provider: "p"}, time.Hour)
		}
		took, u := heap()-before, c.Use()
		if u.Bytes > 16<<20 || u.Bytes < 15<<20 || float64(took) > 1.25*float64(u.Bytes) {
			t.Errorf("answers of %d bytes: counted %d, took %d", n, u.Bytes, took)
		}
		runtime.KeepAlive(c)
	}
}

// Many calls of few names at once: one at a time of each name is under way, and
// everybody ends with the answer of its own name.
func TestManyAtOnce(t *testing.T) {
	c := New(Options{Memory: 4000})
	var leaders [4]atomic.Int32
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Go(func() {
			for i := range 200 {
				k := (g + i) % 4
				n := fmt.Sprint(k)
				a, p, lead := c.Join(at(0), name(n), minute)
				if p != nil && !lead {
					turn := <-p.Turn()
					a, lead = turn.Answer, turn.Lead
				}
				if a == nil {
					if lead && leaders[k].Add(1) > 1 {
						t.Error("two lead")
					}
					p.Add([]byte(n))
					if lead {
						leaders[k].Add(-1)
					}
					if i%3 == 0 {
						p.Leave(i%2 == 0)
					} else {
						p.Keep(at(0), Answer{}, time.Nanosecond)
					}
					continue
				}
				if string(a.Body) != n {
					t.Errorf("%s got %q", n, a.Body)
				}
				p.leaveIfAny()
			}
		})
	}
	wg.Wait()
	if u := c.Use(); u.Flights != 0 {
		t.Errorf("%+v", u)
	}
}

func (p *Place) leaveIfAny() {
	if p != nil {
		p.Leave(false)
	}
}

func BenchmarkHit(b *testing.B) {
	c := New(Options{})
	keep(c, at(0), name("a"), "hello", minute)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if a, _, _ := c.Join(at(1), name("a"), minute); a == nil {
				b.Fatal("a miss")
			}
		}
	})
}
