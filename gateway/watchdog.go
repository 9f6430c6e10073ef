package gateway

import (
	"context"
	"io"
	"time"
)

// watchdog cancels an attempt whose upstream is silent for too long: before the
// first data, and between data.
type watchdog struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// newWatchdog starts with the first-byte bound; zero: no bound.
func newWatchdog(cancel context.CancelCauseFunc, first time.Duration) *watchdog {
	w := &watchdog{cancel: cancel}
	if first > 0 {
		w.timer = time.AfterFunc(first, func() { cancel(errFirstByte) })
	}
	return w
}

func (w *watchdog) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// within gives the attempt a last bound.
func (w *watchdog) within(d time.Duration) {
	w.stop()
	w.timer = time.AfterFunc(d, func() { w.cancel(errIdle) })
}

// reader watches a body: every read with data starts the idle bound again.
func (w *watchdog) reader(r io.Reader, idle time.Duration) io.Reader {
	return &watchedReader{Reader: r, watchdog: w, idle: idle}
}

type watchedReader struct {
	io.Reader
	*watchdog
	idle    time.Duration
	flowing bool
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.again()
	}
	return n, err
}

func (r *watchedReader) again() {
	switch {
	case !r.flowing:
		r.flowing = true
		r.stop()
		if r.idle > 0 {
			r.timer = time.AfterFunc(r.idle, func() { r.cancel(errIdle) })
		}
	case r.idle > 0:
		r.timer.Reset(r.idle)
	}
}
