package main

import (
	"context"
	"fmt"
	"time"
)

// part is one piece of the running program. Parts are set up in the order of
// service.parts and taken down in the reverse one, whether setting up went through or
// not.
type part struct {
	name  string
	setUp func() error
}

// lifecycle is what parts register while they are set up: what gives back what they
// took, and what works in the background. It belongs to one goroutine.
type lifecycle struct {
	part     string // being set up
	releases []release
	tasks    []*task
}

// release gives back what a part took.
type release struct {
	part string
	do   func(ctx context.Context) error
}

// task works in the background from the moment the program runs until its part is
// taken down.
type task struct {
	work func(ctx context.Context)
	stop context.CancelFunc // nil: not started
	done chan struct{}
}

// releaseTimeout is how long the release of a part may take that names no time of its
// own.
const releaseTimeout = 10 * time.Second

// setUp sets parts up in their order. After an error, takeDown rolls back.
func (l *lifecycle) setUp(parts []part) error {
	for _, p := range parts {
		l.part = p.name
		if err := p.setUp(); err != nil {
			return err
		}
	}
	return nil
}

// onStop registers, right after something was taken, what gives it back. Its context
// ends after releaseTimeout.
func (l *lifecycle) onStop(do func(ctx context.Context) error) {
	l.releases = append(l.releases, release{l.part, do})
}

// background registers work that begins when the program runs, and is ended and waited
// for when its part is taken down.
func (l *lifecycle) background(work func(ctx context.Context)) {
	t := &task{work: work, done: make(chan struct{})}
	l.tasks = append(l.tasks, t)
	l.onStop(func(ctx context.Context) error {
		if t.stop == nil {
			return nil
		}
		t.stop()
		select {
		case <-t.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// start begins the background work.
func (l *lifecycle) start(ctx context.Context) {
	for _, t := range l.tasks {
		ctx, stop := context.WithCancel(ctx)
		t.stop = stop
		go func() {
			defer close(t.done)
			t.work(ctx)
		}()
	}
}

// takeDown gives back everything, last taken first; a second call does nothing. What
// fails is told and keeps nothing else from being given back.
func (l *lifecycle) takeDown(failed func(part string, err error)) {
	for n := len(l.releases) - 1; n >= 0; n-- {
		r := l.releases[n]
		l.releases = l.releases[:n]
		ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
		if err := r.do(ctx); err != nil {
			failed(r.part, fmt.Errorf("not stopped cleanly: %w", err))
		}
		cancel()
	}
}
