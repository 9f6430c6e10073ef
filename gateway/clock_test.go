package gateway

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheTimelineLeapsAheadAndNeverBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		last := c.now()
		for _, step := range []struct {
			wall, leap time.Duration // the wall clock's lead on the timeline, and what is told of it
		}{
			{0, 0}, {time.Second, 0}, {-time.Second, 0}, {5 * time.Minute, 5 * time.Minute}, {0, 0},
			{-time.Hour, -time.Hour}, {-time.Hour, 0}, {-time.Hour - time.Second, 0}, {-2 * time.Hour, -time.Hour}, // told once
			{-time.Minute, 0}, {-time.Hour, -59 * time.Minute}, {0, 0}, {-time.Hour, -time.Hour}, {24 * time.Hour, 24 * time.Hour}, {-3 * time.Second, -3 * time.Second},
		} {
			time.Sleep(time.Second)
			if got := c.follow(c.time(c.now()).Add(step.wall)); got != step.leap {
				t.Errorf("the wall clock %v off: leap %v, want %v", step.wall, got, step.leap)
			}
			now := c.now()
			if passed := now.Sub(last); passed != time.Second+max(step.leap, 0) {
				t.Errorf("%v passed, with a leap of %v", passed, step.leap)
			}
			last = now
		}
	})
}

// After a sleep of the machine what waited goes at once, and the log says why.
func TestAfterALeapWaitersAreLookedAtAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := serveYAML(t, nil, narrow, func(r *http.Request) (*http.Response, error) { return answer(r, wholeAnswer) })
		var log bytes.Buffer
		g.log = slog.New(slog.NewTextHandler(&log, nil))
		h := g.Handler()
		chat(h, []byte(ask))
		begin, done := time.Now(), make(chan int)
		go func() { done <- chat(h, []byte(ask)).Code }() // waits for a minute
		time.Sleep(time.Second)
		synctest.Wait()
		g.watchClock(time.Now().Add(90 * time.Second))
		if code := <-done; code != 200 || time.Since(begin) > 2*time.Second {
			t.Fatalf("%d after %v", code, time.Since(begin))
		}
		if !strings.Contains(log.String(), "leapt ahead") || !strings.Contains(log.String(), "1m30s") {
			t.Fatalf("the log says %q", log.String())
		}
	})
}
