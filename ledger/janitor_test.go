package ledger

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// aging is a store of rows with nothing but their times.
type aging struct {
	Store
	requests, contents []time.Time
	calls, largest     int
	err                error
}

func purge(rows *[]time.Time, before time.Time, most int) int {
	var left []time.Time
	n := 0
	for _, at := range *rows {
		if at.Before(before) && n < most {
			n++
			continue
		}
		left = append(left, at)
	}
	*rows = left
	return n
}

func (a *aging) Purge(_ context.Context, before time.Time, most int) (int, error) {
	a.calls, a.largest = a.calls+1, max(a.largest, most)
	return purge(&a.requests, before, most), a.err
}

func (a *aging) PurgeContent(_ context.Context, before time.Time, most int) (int, error) {
	a.calls, a.largest = a.calls+1, max(a.largest, most)
	return purge(&a.contents, before, most), a.err
}

func TestTheJanitorKeepsWhatIsToBeKept(t *testing.T) {
	for _, c := range []struct {
		name               string
		keep               Retention
		requests, contents int
	}{
		{"both", Retention{100 * time.Hour, 50 * time.Hour}, 100, 50},
		{"requests only", Retention{Requests: 100 * time.Hour}, 100, 1000},
		{"contents only", Retention{Contents: 10 * time.Hour}, 1000, 10},
		{"for ever", Retention{}, 1000, 1000},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := &aging{}
			for i := range 1000 {
				at := time.Now().Add(-time.Duration(i)*time.Hour + 20*time.Minute)
				a.requests, a.contents = append(a.requests, at), append(a.contents, at)
			}
			j, err := NewJanitor(JanitorOptions{Store: a, Retention: func() Retention { return c.keep }, Batch: 30})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); j.Run(ctx) }()
			time.Sleep(5 * time.Minute)
			stop()
			<-done
			if len(a.requests) != c.requests+1 && len(a.requests) != c.requests || len(a.contents) != c.contents+1 && len(a.contents) != c.contents {
				t.Errorf("%s: %d requests and %d contents left", c.name, len(a.requests), len(a.contents))
			}
			if a.largest > 30 {
				t.Errorf("%s: a batch of %d", c.name, a.largest)
			}
		})
	}
}

func TestTheJanitorComesBackAfterATrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		a := &aging{err: errors.New("the database is gone")}
		j, err := NewJanitor(JanitorOptions{Store: a, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Retention: func() Retention { return Retention{Requests: time.Hour} }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); j.Run(ctx) }()
		time.Sleep(30 * time.Minute)
		stop()
		<-done
		if a.calls != 3 || !strings.Contains(log.String(), "the database is gone") {
			t.Errorf("%d calls, log %s", a.calls, &log)
		}
	})
}
