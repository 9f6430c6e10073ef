package protection

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestWhatRunsShortRefuses(t *testing.T) {
	s := Sample{MemoryLimit: 1000, FileLimit: 100, HeapBytes: 500, OpenFiles: 50, Goroutines: 50}
	g := New(Options{HeapShare: 0.8, FileShare: 0.9, MaxGoroutines: 100, Sample: func() Sample { return s }})
	for _, c := range []struct {
		name   string
		change func()
		want   Reason
	}{
		{"quiet", func() {}, ""},
		{"heap", func() { s.HeapBytes = 800 }, Heap},
		{"a little less heap", func() { s.HeapBytes = 760 }, Heap},
		{"much less", func() { s.HeapBytes = 740 }, ""},
		{"files", func() { s.OpenFiles = 90 }, Files},
		{"fewer files", func() { s.OpenFiles = 84 }, ""},
		{"goroutines", func() { s.Goroutines = 100 }, Goroutines},
		{"limits that nobody knows", func() { s = Sample{HeapBytes: 1 << 60, OpenFiles: 1 << 40} }, ""},
	} {
		c.change()
		g.Refresh()
		ok, why := g.Enter()
		if ok {
			g.Leave()
		}
		if ok != (c.want == "") || why != c.want {
			t.Fatalf("%s: %v %q, want %q", c.name, ok, why, c.want)
		}
	}
	if st := g.State(); st.Refused[Heap] != 2 || st.Refused[Files] != 1 || st.InFlight != 0 {
		t.Fatalf("%+v", st)
	}
}

func TestNeverMoreInsideThanMay(t *testing.T) {
	g := New(Options{MaxInFlight: 8, MaxBodyBytes: 100})
	var inside, most atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 2000 {
				if ok, _ := g.Enter(); ok {
					if n := inside.Add(1); n > most.Load() {
						most.Store(n)
					}
					if g.Hold(30) {
						g.Release(30)
					}
					inside.Add(-1)
					g.Leave()
				}
			}
		})
	}
	wg.Wait()
	if s := g.State(); most.Load() > 8 || s.InFlight != 0 || s.BodyBytes != 0 {
		t.Fatalf("%d inside at once, %+v", most.Load(), s)
	}
	if !g.Hold(100) || g.Hold(1) {
		t.Fatal("bodies are not bounded")
	}
}

func TestProcess(t *testing.T) {
	s := Process()
	if s.HeapBytes == 0 || s.Goroutines == 0 || s.OpenFiles == 0 || s.FileLimit < s.OpenFiles {
		t.Fatalf("%+v", s)
	}
}

func BenchmarkEnter(b *testing.B) {
	g := New(Options{MaxInFlight: 1 << 40})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if ok, _ := g.Enter(); ok {
				g.Leave()
			}
		}
	})
}
