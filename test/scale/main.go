package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/test/browser"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

// study is what is measured.
type study struct {
	small, large house
	perSecond    int           // calls
	watch        time.Duration // of each page
	listen       int           // seconds of the events
	loads        int           // first visits
}

func whole() study {
	return study{small: house{50, 50, 500}, large: house{200, 100, 10_000}, perSecond: 40, watch: 8 * time.Second, listen: 20, loads: 7}
}

func short() study {
	return study{small: house{50, 20, 100}, large: house{200, 20, 400}, perSecond: 30, watch: 2 * time.Second, listen: 4, loads: 2}
}

func run(ctx context.Context) error {
	quick := flag.Bool("short", false, "a small house and short looks: that everything still runs, no figures for the records")
	flag.Parse()
	s := whole()
	if *quick {
		s = short()
	}
	dir, err := os.MkdirTemp("", "sluice-scale")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := browser.Build(dir)
	if err != nil {
		return err
	}
	rows, err := s.measure(ctx, dir, binary)
	fmt.Println("| what | measured | goal | |\n|---|---|---|---|")
	below := 0
	for _, r := range rows {
		fmt.Printf("| %s | %s | %s | %s |\n", r.what, r.measured, r.goal, r.verdict())
		if r.verdict() == missed {
			below++
		}
	}
	if err == nil && below > 0 && !*quick {
		err = fmt.Errorf("%d goals are missed", below)
	}
	return err
}

// row is a line of the table. A goal without words has no verdict.
type row struct {
	what, measured, goal string
	met                  bool
}

const met, missed = "met", "**missed**"

func (r row) verdict() string {
	switch {
	case r.goal == "":
		return ""
	case r.met:
		return met
	}
	return missed
}

func (s study) measure(ctx context.Context, dir, binary string) ([]row, error) {
	rows, err := s.onTheWire(ctx, dir, binary)
	if err != nil {
		return rows, err
	}
	more, err := s.inTheTab(dir, binary)
	return append(rows, more...), err
}

// open starts a house under load in a directory of its own.
func (s study) open(dir, binary string, h house) (*browser.Program, *traffic, error) {
	place, err := os.MkdirTemp(dir, "house")
	if err != nil {
		return nil, nil, err
	}
	p, err := browser.Start(binary, place, h.yaml())
	if err != nil {
		return nil, nil, err
	}
	keys, err := h.fill(p, 200)
	if err != nil {
		p.Stop()
		return nil, nil, err
	}
	return p, drive(p, keys, s.perSecond), nil
}

// onTheWire counts the events of both houses.
func (s study) onTheWire(ctx context.Context, dir, binary string) (rows []row, err error) {
	const most = 20_000
	for _, h := range []house{s.small, s.large} {
		h.keys = min(h.keys, 500) // the events tell of the scarcest hundred
		p, load, err := s.open(dir, binary, h)
		if err != nil {
			return rows, err
		}
		plain, err := listen(ctx, p, false, s.listen)
		packed, err2 := listen(ctx, p, true, s.listen)
		calls, failed := load.end()
		p.Stop()
		if err := errors.Join(err, err2); err != nil {
			return rows, err
		}
		if failed > 0 {
			return rows, fmt.Errorf("%d of %d calls failed", failed, calls)
		}
		at := fmt.Sprintf("%d accounts, %d calls/s: the events", h.accounts, s.perSecond)
		rows = append(rows,
			row{at + " without compression", fmt.Sprintf("%.1f KB/s; the first %.0f KB", kb(plain.mean()), kb(plain.snapshot)), "≤ 20 KB/s", plain.mean() <= most},
			row{at + " as a browser gets them", fmt.Sprintf("%.1f KB/s; the first %.0f KB", kb(packed.mean()), kb(packed.snapshot)), "≤ 20 KB/s", packed.mean() <= most})
	}
	return rows, nil
}

func kb(n int) float64 { return float64(n) / 1000 }

// inTheTab looks at the large house.
func (s study) inTheTab(dir, binary string) (rows []row, err error) {
	p, load, err := s.open(dir, binary, s.large)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	defer load.end()
	chromium, err := browser.Launch(filepath.Join(dir, "profile"))
	if err != nil {
		return nil, err
	}
	defer chromium.Close()
	if rows, err = s.visits(p, chromium); err != nil {
		return rows, err
	}
	page, err := chromium.Open(p, 1440, 900, false)
	if err != nil {
		return rows, err
	}
	defer page.Close()
	session, err := p.Session(name, password)
	if err != nil {
		return rows, err
	}
	if err := page.Enter(session, "now"); err != nil {
		return rows, err
	}
	house := fmt.Sprintf("%d accounts, %d keys: ", s.large.accounts, s.large.keys)
	memory := int64(0)
	for _, v := range views() {
		f, err := v.watch(page, s.watch)
		if err != nil {
			return rows, err
		}
		private, err := chromium.Renderer()
		if err != nil {
			return rows, err
		}
		memory = max(memory, private)
		rows = append(rows, row{house + v.name, fmt.Sprintf("%.0f ms of the main thread per second; frames %.1f ms, 99 %% within %.0f ms; longest task %s; heap %.1f MB",
			f.CPU*1000, ms(f.Frame), ms(f.Slow), longest(f.Longest), float64(f.Heap)/1e6), "", true})
	}
	rows = append(rows, row{house + "private memory of the tab's process, at most", fmt.Sprintf("%.0f MB", float64(memory)/1e6), "≤ 200 MB", memory <= 200e6})
	if said := page.Problems(); len(said) > 0 {
		return rows, fmt.Errorf("the console complains: %v", said)
	}
	return rows, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func longest(d time.Duration) string {
	if d == 0 {
		return "below 50 ms"
	}
	return fmt.Sprintf("%.0f ms", ms(d))
}

// Who looks.
const name, password = "mina", "correct horse battery"

// visits are first ones, each with nothing in the browser's cache.
func (s study) visits(p *browser.Program, chromium *browser.Browser) ([]row, error) {
	if err := p.Account(name, password, "admin", ""); err != nil {
		return nil, err
	}
	session, err := p.Session(name, password)
	if err != nil {
		return nil, err
	}
	var paints []float64
	most := 0.0
	for range s.loads {
		page, err := chromium.Open(p, 1440, 900, false)
		if err != nil {
			return nil, err
		}
		v, err := visit(page, session)
		page.Close()
		if err != nil {
			return nil, err
		}
		paints, most = append(paints, v.Paint), max(most, v.Bytes)
	}
	slices.Sort(paints)
	paint := paints[len(paints)/2]
	return []row{
		{"first visit: first contentful paint, median", fmt.Sprintf("%.0f ms (from %.0f to %.0f)", paint, paints[0], paints[len(paints)-1]), "< 200 ms", paint < 200},
		{"first visit to the first screen: files of the page, packed", fmt.Sprintf("%.0f KB", most/1000), "≤ 150 KB", most <= 150<<10},
	}, nil
}
