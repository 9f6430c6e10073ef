package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/test/browser"
)

// wire is what one watcher of the events is sent, headers and framing included.
type wire struct {
	snapshot int            // bytes up to the end of the first event
	seconds  []int          // bytes of each second afterwards
	kinds    map[string]int // bytes of events by their kinds, afterwards
}

func (w wire) mean() int {
	sum := 0
	for _, n := range w.seconds {
		sum += n
	}
	return sum / max(len(w.seconds), 1)
}

// counted is a connection that counts what it reads.
type counted struct {
	net.Conn
	n *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// listen watches the events as the dashboard does and counts for so long; packed, as
// browsers ask for it, or plain.
func listen(ctx context.Context, p *browser.Program, packed bool, seconds int) (w wire, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var n atomic.Int64
	client := &http.Client{Transport: &http.Transport{DisableCompression: !packed, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return counted{conn, &n}, err
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Admin+"/admin/api/v1/events", nil)
	if err != nil {
		return w, err
	}
	req.Header.Set("Authorization", "Bearer "+browser.Token)
	resp, err := client.Do(req)
	if err != nil {
		return w, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return w, fmt.Errorf("the events answer %s", resp.Status)
	}
	first, over := make(chan struct{}), make(chan map[string]int, 1)
	go func() { over <- kindsOf(resp, first) }()
	select {
	case <-first:
	case <-time.After(10 * time.Second):
		return w, errors.New("there is no snapshot")
	}
	w.snapshot = int(n.Load())
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for before := w.snapshot; len(w.seconds) < seconds; {
		<-tick.C
		now := int(n.Load())
		w.seconds = append(w.seconds, now-before)
		before = now
	}
	stop()
	w.kinds = <-over
	return w, nil
}

// kindsOf reads events to the end and adds their sizes up; first is closed behind the
// first one.
func kindsOf(resp *http.Response, first chan<- struct{}) map[string]int {
	kinds, kind := map[string]int{}, ""
	s := bufio.NewScanner(resp.Body)
	s.Buffer(nil, 64<<20)
	for seen := false; s.Scan(); {
		if name, ok := strings.CutPrefix(s.Text(), "event: "); ok {
			kind = name
		}
		kinds[kind] += len(s.Bytes()) + 1
		if s.Text() == "" && !seen {
			seen = true
			kinds = map[string]int{}
			close(first)
		}
	}
	return kinds
}
