package protection

import (
	"math"
	"runtime"
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
		{"a little less heap", func() { s.HeapBytes = 770 }, Heap},
		{"much less", func() { s.HeapBytes = 740 }, ""},
		{"the heap on its way back up", func() { s.HeapBytes = 790 }, ""},
		{"files", func() { s.OpenFiles = 90 }, Files},
		{"fewer files", func() { s.OpenFiles = 84 }, ""},
		{"files, and heap before them", func() { s.OpenFiles, s.HeapBytes = 95, 800 }, Heap},
		{"the files are still too many", func() { s.OpenFiles, s.HeapBytes = 88, 500 }, Files},
		{"neither", func() { s.OpenFiles = 50 }, ""},
		{"goroutines", func() { s.Goroutines = 100 }, Goroutines},
		{"a few less", func() { s.Goroutines = 96 }, Goroutines},
		{"many less", func() { s.Goroutines = 94 }, ""},
		{"goroutines once more", func() { s.Goroutines = 100 }, Goroutines},
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
	if st := g.State(); st.Refused[Heap] != 3 || st.Refused[Files] != 2 || st.Refused[Goroutines] != 3 || st.InFlight != 0 {
		t.Fatalf("%+v", st)
	}
}

func TestALowBoundEnds(t *testing.T) {
	s := Sample{MemoryLimit: 1000, HeapBytes: 60}
	g := New(Options{HeapShare: 0.05, Sample: func() Sample { return s }})
	if g.State().Refusing != Heap {
		t.Fatal("the bound does not refuse")
	}
	s.HeapBytes = 10
	g.Refresh()
	if why := g.State().Refusing; why != "" {
		t.Fatalf("still refused for %s", why)
	}
}

func TestConfigureKeepsCounts(t *testing.T) {
	quiet := func() Sample { return Sample{} }
	g := New(Options{Sample: quiet})
	for range 3 {
		g.Enter()
	}
	g.Hold(30)
	g.Configure(Options{MaxInFlight: 2, MaxBodyBytes: 60, Sample: quiet})
	if ok, why := g.Enter(); ok || why != InFlight {
		t.Fatalf("%v %q", ok, why)
	}
	if s := g.State(); s.InFlight != 3 || s.BodyBytes != 30 || s.Pressure != 1.5 || s.Refused[InFlight] != 1 {
		t.Fatalf("%+v", s)
	}
	g.Leave()
	g.Leave()
	if ok, why := g.Enter(); !ok {
		t.Fatalf("refused for %s below the bound", why)
	}
}

func TestBodies(t *testing.T) {
	for _, c := range []struct {
		name       string
		most, n    int64
		ok         bool
		held, left int64 // after Hold(n) on top of 40, and after Release(n)
	}{
		{"fits", 100, 60, true, 100, 40},
		{"a byte too many", 100, 61, false, 40, 0},
		{"nothing", 100, 0, true, 40, 40},
		{"less than nothing", 100, -50, true, 40, 40},
		{"more than can be added", 100, math.MaxInt64, false, 40, 0},
		{"no bound", 0, 1 << 40, true, 1<<40 + 40, 40},
		{"no bound, more than can be added", 0, math.MaxInt64, false, 40, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := New(Options{MaxBodyBytes: c.most})
			g.Hold(40)
			if ok := g.Hold(c.n); ok != c.ok || g.State().BodyBytes != c.held {
				t.Fatalf("%v, %d held", ok, g.State().BodyBytes)
			}
			g.Release(c.n)
			if left := g.State().BodyBytes; left != c.left {
				t.Fatalf("%d left", left)
			}
		})
	}
}

// A call that is refused takes no room, not even for a moment, from one that fits.
func TestRefusalsDoNotDisturb(t *testing.T) {
	g := New(Options{MaxBodyBytes: 100})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5000 {
				if g.Hold(1000) {
					t.Error("1000 of 100")
				}
			}
		})
		wg.Go(func() {
			for range 5000 {
				if !g.Hold(25) {
					t.Error("refused what fits")
					return
				}
				if n := g.State().BodyBytes; n < 25 || n > 100 {
					t.Errorf("%d held", n)
				}
				g.Release(25)
			}
		})
	}
	wg.Wait()
}

func TestConcurrentConfigure(t *testing.T) {
	g := New(Options{MaxInFlight: 4})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 200 {
				g.Configure(Options{MaxInFlight: int64(4 + i), Sample: func() Sample { return Sample{Goroutines: i} }})
				g.Refresh()
			}
		})
		wg.Go(func() {
			for range 2000 {
				if ok, _ := g.Enter(); ok {
					g.Leave()
				}
				_ = g.State()
			}
		})
	}
	wg.Wait()
	if s := g.State(); s.InFlight != 0 {
		t.Fatalf("%+v", s)
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
					n := inside.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					if s := g.State(); s.InFlight < 1 || s.InFlight > 8 {
						t.Errorf("%d counted inside", s.InFlight)
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
	if s.HeapBytes == 0 || s.HeapBytes > 1<<40 || s.Goroutines == 0 {
		t.Fatalf("%+v", s)
	}
	if runtime.GOOS == "linux" && (s.OpenFiles == 0 || s.FileLimit < s.OpenFiles) {
		t.Fatalf("%+v", s)
	}
}

func TestEnterDoesNotAllocate(t *testing.T) {
	g := New(Options{MaxInFlight: 1})
	if n := testing.AllocsPerRun(100, func() {
		g.Enter()
		g.Enter() // refused
		g.Leave()
	}); n != 0 {
		t.Fatalf("%v allocations", n)
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
