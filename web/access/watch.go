package access

import (
	"net/http"
	"sync"
	"time"
)

// watchEvery is how often it is looked at again who asks, while an answer goes on: a
// stream of events may be open for days.
const watchEvery = 5 * time.Second

// watch ends an answer that goes on when whoever asked is not the same any more: signed
// out, disabled, of another role. Where that cannot be found out it goes on. stop ends
// the watch.
func (g *Guard) watch(who Identity, leave func(), again func() (Identity, *Refusal)) (stop func()) {
	var (
		mu    sync.Mutex
		over  bool
		timer *time.Timer
		look  func()
	)
	look = func() {
		now, why := again()
		mu.Lock()
		defer mu.Unlock()
		switch {
		case over:
		case why == nil && now != who, why != nil && why.Status == http.StatusUnauthorized:
			leave()
		default:
			timer = time.AfterFunc(watchEvery, look)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(watchEvery, look)
	return func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		timer.Stop()
	}
}
