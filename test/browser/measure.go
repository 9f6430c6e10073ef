package browser

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/chromedp"
)

// Figures are what a page took while it was watched for a time.
type Figures struct {
	CPU     float64       // seconds of its main thread per second
	Script  float64       // of which in JavaScript
	Longest time.Duration // the longest task, as the page's own observer saw it; 0: none took 50 ms
	Long    int           // tasks above 100 ms
	Frame   time.Duration // between two frames, the median
	Slow    time.Duration // and the longest of a hundred
	Heap    int64         // bytes of living JavaScript objects, after a collection
	Nodes   int           // of the document
}

// watching is what a page does to watch itself.
const watching = `((ms) => new Promise((done) => {
	const tasks = [], frames = [];
	const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((e) => e.duration)));
	observer.observe({ type: "longtask" });
	let last = 0, over = false;
	requestAnimationFrame(function frame(now) {
		if (last) frames.push(now - last);
		last = now;
		if (!over) requestAnimationFrame(frame);
	});
	setTimeout(() => { over = true; observer.disconnect(); done({ tasks, frames }); }, ms);
}))(%d)`

// Watch measures the page as it is for so long.
func (p *Page) Watch(d time.Duration) (f Figures, err error) { return p.WatchWhile(d, "0") }

// WatchWhile measures the page while an expression of JavaScript is evaluated in it.
func (p *Page) WatchWhile(d time.Duration, expression string) (f Figures, err error) {
	before, err := p.metrics()
	if err != nil {
		return f, err
	}
	var seen struct{ Tasks, Frames []float64 }
	if err := p.Eval(`((watched) => { `+expression+`; return watched; })(`+fmt.Sprintf(watching, d.Milliseconds())+`)`, &seen); err != nil {
		return f, err
	}
	after, err := p.metrics()
	if err != nil {
		return f, err
	}
	took := after["Timestamp"] - before["Timestamp"]
	f.CPU = (after["TaskDuration"] - before["TaskDuration"]) / took
	f.Script = (after["ScriptDuration"] - before["ScriptDuration"]) / took
	for _, ms := range seen.Tasks {
		f.Longest = max(f.Longest, milliseconds(ms))
		if ms > 100 {
			f.Long++
		}
	}
	if slices.Sort(seen.Frames); len(seen.Frames) > 0 {
		f.Frame, f.Slow = milliseconds(seen.Frames[len(seen.Frames)/2]), milliseconds(seen.Frames[len(seen.Frames)*99/100])
	}
	f.Nodes = int(after["Nodes"])
	f.Heap, err = p.heap()
	return f, err
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// metrics are what the browser counts of the page; times are of its main thread, so that
// what else the machine does is not in them.
func (p *Page) metrics() (map[string]float64, error) {
	out := map[string]float64{}
	err := p.run("measure", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		domain := performance.EnableTimeDomainThreadTicks
		if _, err := cdp.Call(ctx, t, performance.Enable, performance.EnableParams{TimeDomain: domain}); err != nil {
			return err
		}
		r, err := cdp.Call(ctx, t, performance.GetMetrics, cdp.Empty{})
		for _, m := range r.Metrics {
			out[m.Name] = m.Value
		}
		return err
	}))
	return out, err
}

// heap collects garbage and answers what is left.
func (p *Page) heap() (int64, error) {
	err := p.run("collect garbage", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, heapprofiler.CollectGarbage, cdp.Empty{})
		return err
	}))
	if err != nil {
		return 0, err
	}
	m, err := p.metrics()
	return int64(m["JSHeapUsedSize"]), err
}

// Renderer is the private memory of the browser's largest renderer, in bytes: of the
// tab's process, where there is one tab.
func (b *Browser) Renderer() (int64, error) {
	r, err := chromedp.CallBrowser(b.ctx, systeminfo.GetProcessInfo, cdp.Empty{})
	if err != nil {
		return 0, fmt.Errorf("browser: its processes: %w", err)
	}
	most, problems := int64(0), []error{errors.New("browser: no renderer can be read")}
	for _, info := range r.ProcessInfo {
		if info.Type != "renderer" {
			continue
		}
		n, err := private(info.ID)
		problems = append(problems, err)
		most = max(most, n)
	}
	if most == 0 {
		return 0, errors.Join(problems...)
	}
	return most, nil
}

// private is a process's memory that it shares with nobody, as Linux counts it.
func private(pid int64) (sum int64, err error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for s := bufio.NewScanner(file); s.Scan(); {
		words := strings.Fields(s.Text())
		if len(words) == 3 && (words[0] == "Private_Clean:" || words[0] == "Private_Dirty:") {
			kb, err := strconv.ParseInt(words[1], 10, 64)
			if err != nil {
				return 0, err
			}
			sum += kb << 10
		}
	}
	return sum, nil
}
