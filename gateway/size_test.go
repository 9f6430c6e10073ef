package gateway

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/shedding"
)

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A hundred thousand waiting entries, with the channels that they are answered by, fit in
// 200 MB. Their connections, handlers and bodies are apart.
func TestAHundredThousandTicketsWait(t *testing.T) {
	const n, most = 100_000, 200 << 20
	yaml := strings.Replace(narrow, "providers:", "shedding: {max_queue: 200k, max_queue_bytes: 0B}\nproviders:", 1)
	g := serveYAML(t, nil, yaml, func(r *http.Request) (*http.Response, error) { return answer(r, wholeAnswer) })
	r := g.current.Load().routes["m"]
	clients := make([]string, 1000)
	for i := range clients {
		clients[i] = fmt.Sprint("client", i)
	}
	before := heapInUse()
	tickets := make([]*ticket, 0, n+1)
	for i := range n + 1 { // one goes at once
		x := newTicket()
		x.Route, x.Class, x.Client, x.Exact, x.Bytes = r.admission, shedding.Critical, clients[i%len(clients)], true, 2000
		x.Estimates = []budget.Estimate{{Input: 100, Output: 100}}
		x.Deadline = g.clock.now().Add(24 * time.Hour)
		r.dispatcher.arrive(x)
		tickets = append(tickets, x)
	}
	grown := heapInUse() - before
	waiting := 0
	for _, depth := range g.QueueDepth() {
		waiting += depth
	}
	t.Logf("%d wait in %d MB, %d bytes each", waiting, grown>>20, grown/n)
	if waiting != n || grown > most {
		t.Fatalf("%d wait in %d MB", waiting, grown>>20)
	}
	runtime.KeepAlive(tickets)
}
