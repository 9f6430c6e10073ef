package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/test/browser"
)

// The short form of what make dashboard-bench measures, with bounds that hold on a machine
// that does other things as well: bytes, memory, and the main thread's own time.
func TestTheDashboardIsLightWhereThereIsMuch(t *testing.T) {
	dir := t.TempDir()
	binary, err := browser.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := short()
	rows, err := s.onTheWire(context.Background(), dir, binary)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if t.Logf("%s: %s", r.what, r.measured); r.verdict() == missed {
			t.Errorf("%s: %s, but %s", r.what, r.measured, r.goal)
		}
	}
	p, load, err := s.open(dir, binary, s.large)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	defer load.end()
	chromium, err := browser.Launch(filepath.Join(dir, "profile"))
	if err != nil {
		t.Fatal(err)
	}
	defer chromium.Close()
	page, err := chromium.Open(p, 1440, 900, false)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	if err := page.SignIn(name, password); err != nil {
		t.Fatal(err)
	}
	for _, v := range views() {
		f, err := v.watch(page, 2*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.0f ms of the main thread per second, %d nodes, heap %.1f MB", v.name, f.CPU*1000, f.Nodes, float64(f.Heap)/1e6)
		if f.Heap > 60e6 || f.Nodes > 20_000 { // rows far from what is seen are not in the page
			t.Errorf("%s: the heap has %d bytes, the document %d nodes", v.name, f.Heap, f.Nodes)
		}
		if v.while == "0" && f.CPU > .4 { // a fifth of that where nothing else runs
			t.Errorf("%s: the main thread is busy for %.0f ms of each second", v.name, f.CPU*1000)
		}
	}
	private, err := chromium.Renderer()
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("private memory: %.0f MB", float64(private)/1e6); private > 200e6 {
		t.Errorf("the tab's process has %d bytes of its own", private)
	}
}
