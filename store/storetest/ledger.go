package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sluice-gateway/sluice/ledger"
)

func storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// request is a request with something in every field.
func request(id string) *ledger.Request {
	return &ledger.Request{
		ID: id, ClientID: "client's " + id, At: begin(), Endpoint: "chat_completions", KeyID: "k1", Key: "web", Owner: "acme",
		Model: "asked", Route: "route", Priority: "high", Stream: true, Outcome: "ok", Status: 200, ErrorCode: "code", Error: "words",
		Fault: "provider", LimitedBy: "upstream", ShedReason: "full", Provider: "p", Account: "a", ServedModel: "m", Attempts: 2,
		Queue: time.Second, FirstByte: 2 * time.Second, Duration: 3 * time.Second, EstimatedInput: 10, EstimatedOutput: 20,
		Input: 11, Output: 21, Cached: 5, Cost: 123_456_789, Known: true, Spared: true, Cache: "miss",
		Trail: json.RawMessage(`{"steps":["\u0000",{"é":1}]}`),
	}
}

func attempt(id string, n int) ledger.Attempt {
	return ledger.Attempt{RequestID: id, N: n, At: begin().Add(time.Duration(n) * time.Second), KeyID: "k1", Key: "web", Owner: "acme", Route: "route",
		Provider: "p", Account: "a", Model: "m", UpstreamKey: "fp", Status: 200, Duration: time.Second,
		EstimatedInput: 12, EstimatedOutput: 64, EstimatedCost: 250, Input: 10, Output: 20, Cached: 5, Cost: 100, Known: true}
}

func content(id string) *ledger.Content {
	return &ledger.Content{RequestID: id, At: begin(), Prompt: []byte("\x00\xff{"), Answer: []byte("answer"), Cut: true}
}

// total is the one line of all usage.
func total(t tester, s Store, ask ledger.UsageQuery) ledger.Usage {
	t.Helper()
	lines, err := s.Usage(contextOf(t), ask)
	ok(t, err)
	equal(t, len(lines), 1, "lines of a sum")
	equal(t, len(lines[0].Group), 0, "groups of a sum")
	lines[0].Group = nil
	return lines[0]
}

func testAppendAndRead(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	same(t, total(t, s, ledger.UsageQuery{}), ledger.Usage{}, "usage of nothing")
	ok(t, s.Append(ctx, nil))
	ok(t, s.Append(ctx, []ledger.Entry{{}}))
	full, bare := request("r1"), &ledger.Request{ID: "r2", At: begin().Add(time.Hour), Outcome: "limited"}
	failed := attempt("r1", 0)
	failed.Kind, failed.Status = "rate_limit", 429
	ok(t, s.Append(ctx, []ledger.Entry{
		{Attempts: []ledger.Attempt{attempt("r1", 1)}},
		{Request: full, Attempts: []ledger.Attempt{failed}, Content: content("r1")},
		{Request: bare},
		{Attempts: []ledger.Attempt{attempt("r3", 0)}}, // its request has not ended
	}))
	got, attempts, err := s.Request(ctx, "r1")
	ok(t, err)
	same(t, got, full, "the request")
	same(t, attempts, []ledger.Attempt{failed, attempt("r1", 1)}, "its attempts, in order")
	got, attempts, err = s.Request(ctx, "r2")
	ok(t, err)
	same(t, got, bare, "a bare request")
	equal(t, len(attempts), 0, "attempts of a refused request")
	kept, err := s.Content(ctx, "r1")
	ok(t, err)
	same(t, kept, content("r1"), "the content")

	for _, id := range []string{"r3", "r4", "", "r\x00", "\xff", strings.Repeat("r", 1<<20)} {
		_, _, err = s.Request(ctx, id)
		refused(t, e, err, ledger.ErrNotFound)
		_, err = s.Content(ctx, id)
		refused(t, e, err, ledger.ErrNotFound)
	}
	rows, next, err := s.Requests(ctx, ledger.Filter{})
	ok(t, err)
	listed := *full
	listed.Trail = nil
	same(t, rows, []ledger.Request{*bare, listed}, "requests, latest first, without trails")
	equal(t, next, "", "cursor of the last page")
	same(t, total(t, s, ledger.UsageQuery{}), ledger.Usage{Requests: 2, Refused: 1, Attempts: 3, FailedAttempts: 1, Input: 30, Output: 60, Cached: 15, Cost: 300}, "usage")
}

func testAppendIsIdempotent(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	entries := func(cost int64) []ledger.Entry {
		r, a, b := request("r1"), attempt("r1", 0), attempt("r1", 1)
		r.Cost, a.Cost, b.Cost = 2*cost, cost, cost
		c := content("r1")
		c.Answer = fmt.Append(nil, cost)
		return []ledger.Entry{{Request: r, Attempts: []ledger.Attempt{a, b}, Content: c}, {Request: r}, {Attempts: []ledger.Attempt{b}}}
	}
	want := ledger.Usage{Requests: 1, Attempts: 2, Input: 20, Output: 40, Cached: 10, Cost: 200}
	for i := range int64(3) {
		ok(t, s.Append(ctx, entries(100+i)))
		same(t, total(t, s, ledger.UsageQuery{}), want, "usage")
	}
	r, attempts, err := s.Request(ctx, "r1")
	ok(t, err)
	equal(t, r.Cost, 200, "the first writing's cost")
	equal(t, attempts[1].Cost, 100, "the first writing's cost")
	c, err := s.Content(ctx, "r1")
	ok(t, err)
	equal(t, string(c.Answer), "100", "the first writing's content")

	mixed := append(entries(1), ledger.Entry{Request: request("r2"), Attempts: []ledger.Attempt{attempt("r1", 2)}})
	ok(t, s.Append(ctx, mixed))
	want.Requests, want.Attempts, want.Input, want.Output, want.Cached, want.Cost = 2, 3, 30, 60, 15, 300
	same(t, total(t, s, ledger.UsageQuery{}), want, "usage after old and new rows in one")
}

func testAppendIsAtomic(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	for name, bad := range map[string]func(r *ledger.Entry){
		"no ID":             func(e *ledger.Entry) { e.Request.ID = "" },
		"an ID too long":    func(e *ledger.Entry) { e.Request.ID = strings.Repeat("r", 257) },
		"an ID with NUL":    func(e *ledger.Entry) { e.Attempts[0].RequestID = "\x00" },
		"no time":           func(e *ledger.Entry) { e.Request.At = time.Time{} },
		"a trail":           func(e *ledger.Entry) { e.Request.Trail = json.RawMessage(`{"a":`) },
		"negative tokens":   func(e *ledger.Entry) { e.Attempts[0].Input = -1 },
		"a negative cost":   func(e *ledger.Entry) { e.Request.Cost = -1 },
		"a negative number": func(e *ledger.Entry) { e.Attempts[0].N = -1 },
		"content of nobody": func(e *ledger.Entry) { e.Content.RequestID = "" },
	} {
		entries := make([]ledger.Entry, 99)
		for i := range entries {
			id := fmt.Sprint("r", i)
			entries[i] = ledger.Entry{Request: request(id), Attempts: []ledger.Attempt{attempt(id, 0)}, Content: content(id)}
		}
		bad(&entries[50])
		err := s.Append(ctx, entries)
		refused(t, e, err, ledger.ErrInvalid)
		rows, _, err := s.Requests(ctx, ledger.Filter{})
		ok(t, err)
		equal(t, len(rows), 0, "rows after "+name)
		same(t, total(t, s, ledger.UsageQuery{}), ledger.Usage{}, "usage after "+name)
		_, err = s.Content(ctx, "r0")
		refused(t, e, err, ledger.ErrNotFound)
	}
}

// testAppendInParallel has writers bring overlapping rows in different orders.
func testAppendInParallel(t *testing.T, e Engine) {
	fresh := e.fresh(t)
	nodes := []Store{node(t, fresh)}
	if !e.Alone {
		nodes = append(nodes, node(t, fresh))
	}
	const writers, rows = 6, 120
	errs := make([]error, writers)
	var work sync.WaitGroup
	for w := range writers {
		entries := make([]ledger.Entry, 0, rows)
		for i := range rows {
			j := (i*(2*w+1) + 17*w) % rows // an order of its own
			r, a := request(fmt.Sprint("r", j)), attempt(fmt.Sprint("r", j), 0)
			r.KeyID, r.Provider = fmt.Sprint("k", j%7), fmt.Sprint("p", j%3)
			a.KeyID, a.Provider = r.KeyID, r.Provider
			entries = append(entries, ledger.Entry{Request: r, Attempts: []ledger.Attempt{a}})
		}
		work.Go(func() {
			for len(entries) > 0 && errs[w] == nil {
				n := min(40, len(entries))
				errs[w] = nodes[w%len(nodes)].Append(t.Context(), entries[:n])
				entries = entries[n:]
			}
		})
	}
	work.Wait()
	for _, err := range errs {
		ok(t, err)
	}
	same(t, total(t, nodes[0], ledger.UsageQuery{}), ledger.Usage{Requests: rows, Attempts: rows, Input: 10 * rows, Output: 20 * rows, Cached: 5 * rows, Cost: 100 * rows}, "usage")
	page, next, err := nodes[0].Requests(t.Context(), ledger.Filter{Limit: rows})
	ok(t, err)
	equal(t, len(page), rows, "rows")
	equal(t, next, "", "cursor")
}

// testLedgerText puts anything at all into descriptions: no row is lost for it, and it is
// found again by the same words.
func testLedgerText(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	for i, c := range []struct{ in, name, words string }{
		{"plain", "plain", "plain"},
		{"a\x00b", "a\uFFFDb", "a\uFFFDb"},
		{"\xff", "\uFFFD", "\uFFFD"},
		{"'; DROP TABLE requests; -- ? $1", "'; DROP TABLE requests; -- ? $1", "'; DROP TABLE requests; -- ? $1"},
		{strings.Repeat("é", 1<<19), strings.Repeat("é", 128), strings.Repeat("é", 2048)},
		{strings.Repeat("x", 255) + "é", strings.Repeat("x", 255), strings.Repeat("x", 255) + "é"},
		{strings.Repeat("\x00", 1<<20), strings.Repeat("\uFFFD", 85), strings.Repeat("\uFFFD", 1365)},
	} {
		id := fmt.Sprint("r", i)
		ok(t, s.Append(ctx, []ledger.Entry{{
			Request:  &ledger.Request{ID: id, At: begin(), ClientID: c.in, Key: c.in, Owner: c.in, Model: c.in, Route: c.in, Error: c.in, ServedModel: c.in, Provider: c.in},
			Attempts: []ledger.Attempt{{RequestID: id, At: begin(), Key: c.in, Owner: c.in, Model: c.in, Route: c.in, Provider: c.in, Kind: c.in}},
		}}))
		rows, _, err := s.Requests(ctx, ledger.Filter{ClientID: c.in, Owner: c.in, Model: c.in, Route: c.in, Provider: c.in})
		ok(t, err)
		equal(t, len(rows), 1, fmt.Sprintf("rows with %.20q", c.in))
		equal(t, rows[0].ID, id, "the row")
		equal(t, rows[0].ClientID, c.name, "a name")
		equal(t, rows[0].Error, c.words, "an error")
		lines, err := s.Usage(ctx, ledger.UsageQuery{GroupBy: []string{ledger.ByKey, ledger.ByOwner}, Owner: c.in})
		ok(t, err)
		same(t, lines, []ledger.Usage{{Group: map[string]string{"key": c.name, "key_id": "", "owner": c.name}, Requests: 1, Attempts: 1, FailedAttempts: 1}}, "usage")
	}
}
