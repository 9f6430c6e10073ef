package e2e

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/providers/simulated"
	"github.com/sluice-gateway/sluice/web/api"
)

// firing are the names of the rules that fire.
func (g *gateway) firing() (names []string) {
	g.t.Helper()
	var rules struct {
		Data []struct{ Name, State string }
	}
	g.manage(http.MethodGet, "/alerts", "", &rules)
	for _, r := range rules.Data {
		if r.State == "firing" {
			names = append(names, r.Name)
		}
	}
	return names
}

func (g *gateway) fires(rule string) bool { return slices.Contains(g.firing(), rule) }

// told counts a rule's lines in the log.
func (g *gateway) told(msg, rule string) int {
	return strings.Count(g.log.String(), `"msg":"`+msg+`","rule":"`+rule+`"`)
}

// crowd are calls that wait.
type crowd struct {
	wg    sync.WaitGroup
	leave []context.CancelFunc
}

func (c *crowd) join(g *gateway, n int) {
	for range n {
		ctx, cancel := context.WithCancel(context.Background())
		c.leave = append(c.leave, cancel)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.api+"/v1/chat/completions", strings.NewReader(chatBody("m", "hi")))
		if err != nil {
			g.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		c.wg.Go(func() {
			if resp, err := http.DefaultClient.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		})
	}
}

// go away, the last ones first, until so many are left.
func (c *crowd) shrink(left int) {
	for len(c.leave) > left {
		c.leave[len(c.leave)-1]()
		c.leave = c.leave[:len(c.leave)-1]
	}
}

func (g *gateway) waiting() (n int) {
	g.t.Helper()
	var now struct {
		State struct{ Queue map[string]api.Lane }
	}
	g.manage(http.MethodGet, "/now", "", &now)
	for _, l := range now.State.Queue {
		n += l.Depth
	}
	return n
}

// What the shipped rules watch happens, each fires once, and ends where it should and not
// before: more than a hundred calls wait, for more than ten seconds in the middle, 80 % and
// all of a limit in dollars are spent, an upstream says 429. A key that is taken out has a
// test of its own.
func TestTheShippedAlertsFireAndEnd(t *testing.T) {
	o := open("a")
	_, url := upstream(t, o)
	o.Failures = []simulated.Rule{{Model: "refused", Status: http.StatusTooManyRequests}}
	_, other := upstream(t, o)
	g := start(t, `
server: {admin_token: "{{token}}"}
providers:
  slow: {preset: generic, base_url: "`+url+`", accounts: [{name: a, keys: [key-a], limits: [{rpm: 5, burst: 1}]}]}
  other: {preset: generic, base_url: "`+other+`", accounts: [{name: a, keys: [key-a]}]}
routes:
  m: {targets: [slow/m], max_wait: 1h, timeout: 1h}
  dear: {targets: [other/dear]}
  refused: {targets: [other/refused], max_wait: 0s}
prices: [{provider: other, model: dear, request: 0.2}]
client_keys: [{name: test, key: "{{key}}"}]
`)
	if a := g.chat("m", "the only one for twelve seconds"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	_ = g.cmd.Process.Kill() // then rates begin empty
	_ = g.cmd.Wait()
	g = g.again(t)
	if f := g.firing(); len(f) > 0 {
		t.Fatalf("%v fires already", f)
	}
	c := &crowd{}
	defer c.wg.Wait()
	defer c.shrink(0)
	c.join(g, 120)
	eventually(t, "120 calls wait and that is told", func() bool { return g.fires("queue") })

	k := g.create(`{"name":"spender","limits":{"usd_per_month":1}}`)
	spend := func() { g.post("/v1/chat/completions", chatBody("dear", "hi"), "Authorization", "Bearer "+k.Key) }
	for range 4 {
		spend()
	}
	if a := g.chat("refused", "hi"); a.status != http.StatusTooManyRequests {
		t.Errorf("%d %s", a.status, a.body)
	}
	eventually(t, "the 429 is told", func() bool { return g.fires("upstream-429") })

	c.shrink(90) // below where it fires, above where it ends
	eventually(t, "90 wait", func() bool { n := g.waiting(); return n <= 90 && n > 80 })
	begin := time.Now()
	eventually(t, "the alert has been looked at more than once", func() bool {
		if n := g.waiting(); n > 80 && !g.fires("queue") {
			t.Fatalf("the alert ended with %d calls that wait", n)
		}
		return time.Since(begin) > 2500*time.Millisecond
	})
	c.shrink(40)
	eventually(t, "40 wait, and the alert ends", func() bool { return !g.fires("queue") })

	eventually(t, "80 % are spent", func() bool { return g.fires("spend-80") })
	if g.fires("spend-100") {
		t.Error("80 cents of a dollar are taken for all of it")
	}
	spend()
	eventually(t, "all is spent", func() bool { return g.fires("spend-100") })
	eventually(t, "the wait is told", func() bool { return g.fires("wait") })
	g.manage(http.MethodPatch, "/keys/"+k.ID, `{"limits":{"usd_per_month":10}}`, nil)
	eventually(t, "a tenth is spent of a higher limit", func() bool { return !g.fires("spend-80") && !g.fires("spend-100") })
	for rule, ended := range map[string]int{"queue": 1, "spend-80": 1, "spend-100": 1, "wait": 0, "upstream-429": 0} {
		if n, m := g.told("alert", rule), g.told("alert resolved", rule); n != 1 || m != ended {
			t.Errorf("%s was told %d times, and its end %d times", rule, n, m)
		}
	}
}
