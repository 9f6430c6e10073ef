package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

func TestPartsAreTakenDownInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lifecycle
		var did []string
		add := func(name string) part {
			return part{name, func() error {
				did = append(did, "+"+name)
				l.onStop(func(context.Context) error { did = append(did, "-"+name); return nil })
				l.background(func(ctx context.Context) { <-ctx.Done(); did = append(did, "end "+name) })
				return nil
			}}
		}
		if err := l.setUp([]part{add("store"), add("ledger")}); err != nil {
			t.Fatal(err)
		}
		l.start(t.Context())
		l.takeDown(func(string, error) { t.Error("nothing failed") })
		l.takeDown(func(string, error) { t.Error("a second call does nothing") })
		if want := []string{"+store", "+ledger", "end ledger", "-ledger", "end store", "-store"}; !slices.Equal(did, want) {
			t.Errorf("did %v, want %v", did, want)
		}
	})
}

func TestAFailedSetUpRollsBack(t *testing.T) {
	var l lifecycle
	var did []string
	bad := errors.New("no room")
	err := l.setUp([]part{
		{"first", func() error {
			l.background(func(context.Context) { t.Error("never started") })
			l.onStop(func(context.Context) error { did = append(did, "-first"); return nil })
			return nil
		}},
		{"second", func() error {
			l.onStop(func(context.Context) error { did = append(did, "-second"); return errors.New("stuck") })
			return bad
		}},
		{"third", func() error { t.Error("set up after a failure"); return nil }},
	})
	if !errors.Is(err, bad) {
		t.Fatalf("got %v", err)
	}
	var told []string
	l.takeDown(func(part string, err error) { told = append(told, part+": "+err.Error()) })
	if !slices.Equal(did, []string{"-second", "-first"}) {
		t.Errorf("did %v", did)
	}
	if len(told) != 1 || !strings.HasPrefix(told[0], "second: ") {
		t.Errorf("told %v", told)
	}
}

func TestATaskThatDoesNotEndKeepsNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lifecycle
		release := make(chan struct{})
		released := false
		_ = l.setUp([]part{
			{"first", func() error { l.onStop(func(context.Context) error { released = true; return nil }); return nil }},
			{"stuck", func() error { l.background(func(context.Context) { <-release }); return nil }},
		})
		l.start(t.Context())
		var told []string
		l.takeDown(func(part string, _ error) { told = append(told, part) })
		if !released || !slices.Equal(told, []string{"stuck"}) {
			t.Errorf("released %v, told %v", released, told)
		}
		close(release)
	})
}
