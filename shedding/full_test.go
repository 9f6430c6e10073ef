package shedding

import (
	"testing"

	"pgregory.net/rapid"
)

func TestParseWhenFull(t *testing.T) {
	for w := Reject; w <= DropRandom; w++ {
		if got, err := ParseWhenFull(w.String()); err != nil || got != w {
			t.Errorf("%v: %v, %v", w, got, err)
		}
	}
	if w, err := ParseWhenFull(""); err != nil || w != Reject {
		t.Errorf("empty: %v, %v", w, err)
	}
	if _, err := ParseWhenFull("drop_all"); err == nil {
		t.Error("drop_all was taken for a rule")
	}
}

func TestChoose(t *testing.T) {
	fixed := func(r float64) func() float64 { return func() float64 { return r } }
	newcomer := Victim{Newcomer: true}
	cases := []struct {
		name     string
		rule     WhenFull
		newcomer Class
		queued   [Classes]int
		rnd      func() float64
		want     Victim
	}{
		{"reject", Reject, Normal, [Classes]int{0, 0, 5, 0}, nil, newcomer},
		{"oldest", DropOldest, Normal, [Classes]int{0, 0, 5, 0}, nil, Victim{Class: Normal}},
		{"newest", DropNewest, Normal, [Classes]int{0, 0, 5, 0}, nil, Victim{Class: Normal, Place: 4}},
		{"random, first", DropRandom, Normal, [Classes]int{0, 0, 5, 0}, fixed(0), Victim{Class: Normal}},
		{"random, last", DropRandom, Normal, [Classes]int{0, 0, 5, 0}, fixed(0.8), Victim{Class: Normal, Place: 4}},
		{"random, newcomer", DropRandom, Normal, [Classes]int{0, 0, 5, 0}, fixed(0.999), newcomer},
		{"random without randomness", DropRandom, Normal, [Classes]int{0, 0, 5, 0}, nil, Victim{Class: Normal}},
		{"critical pushes the newest low out", Reject, Critical, [Classes]int{1, 1, 1, 3}, nil, Victim{Class: Low, Place: 2}},
		{"high pushes normal out where no low waits", DropOldest, High, [Classes]int{4, 1, 2, 0}, nil, Victim{Class: Normal, Place: 1}},
		{"low pushes nobody more important", DropOldest, Low, [Classes]int{4, 4, 4, 0}, nil, newcomer},
		{"low among its own", DropOldest, Low, [Classes]int{4, 4, 4, 2}, nil, Victim{Class: Low}},
		{"an empty queue of bound zero", DropOldest, Critical, [Classes]int{}, nil, newcomer},
		{"an unknown rule rejects", WhenFull(9), Normal, [Classes]int{0, 0, 5, 0}, nil, newcomer},
		{"an unknown class is low", DropOldest, Class(9), [Classes]int{0, 0, 5, 2}, nil, Victim{Class: Low}},
	}
	for _, c := range cases {
		if got := c.rule.Choose(c.newcomer, c.queued, c.rnd); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestChooseProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var queued [Classes]int
		for i := range queued {
			queued[i] = rapid.IntRange(0, 5).Draw(t, "queued")
		}
		class := Class(rapid.IntRange(0, Classes-1).Draw(t, "class"))
		rule := WhenFull(rapid.IntRange(0, int(DropRandom)).Draw(t, "rule"))
		v := rule.Choose(class, queued, func() float64 { return rapid.Float64Range(0, 1).Draw(t, "rnd") })
		if v.Newcomer {
			for c := class + 1; c <= Low; c++ {
				if queued[c] > 0 {
					t.Fatalf("%v left while %v waits", class, c)
				}
			}
			return
		}
		if v.Class < class {
			t.Fatalf("%v made room for %v", v.Class, class)
		}
		if v.Place < 0 || v.Place >= queued[v.Class] {
			t.Fatalf("nobody stands at %+v of %v", v, queued)
		}
	})
}
