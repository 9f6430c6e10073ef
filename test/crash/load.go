package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// answered is one call that its client has got an answer to.
type answered struct {
	id            string
	at            time.Time
	input, output int64 // -1: the client was not told
}

// tally is what the clients know.
type tally struct {
	mu       sync.Mutex
	answers  []answered
	inFlight int
	errors   int // calls that got no answer, because the gateway was killed
	refused  map[int]int
}

// pause is what a caller lets pass between two calls: the gateway's death is to be
// tested, not the machine's speed.
const pause = 5 * time.Millisecond

// load calls until the context ends.
func (r *rig) load(ctx context.Context, api string, workers int, t *tally) *sync.WaitGroup {
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				t.add(1)
				r.call(api, (i+w)%3 == 0, t)
				t.add(-1)
				time.Sleep(pause)
			}
		})
	}
	return &all
}

func (t *tally) add(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight += n
}

// call makes one call, every third one a stream.
func (r *rig) call(api string, stream bool, t *tally) {
	body := `{"model":"m","messages":[{"role":"user","content":"How much is lost?"}]}`
	if stream {
		body = `{"model":"m","stream":true,"messages":[{"role":"user","content":"How much is lost?"}]}`
	}
	req, err := http.NewRequest(http.MethodPost, api+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+clientKey)
	resp, err := r.client.Do(req)
	if err != nil {
		t.note(func() { t.errors++ })
		time.Sleep(5 * time.Millisecond) // the gateway is gone: no busy loop
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil || stream && !strings.HasSuffix(string(text), "data: [DONE]\n\n"):
		t.note(func() { t.errors++ })
	case resp.StatusCode != http.StatusOK:
		t.note(func() { t.refused[resp.StatusCode]++ })
	default:
		a := answered{id: resp.Header.Get("X-Request-Id"), at: time.Now(), input: -1, output: -1}
		var answer struct {
			Usage *struct {
				Input  int64 `json:"prompt_tokens"`
				Output int64 `json:"completion_tokens"`
			} `json:"usage"`
		}
		if json.Unmarshal(text, &answer) == nil && answer.Usage != nil {
			a.input, a.output = answer.Usage.Input, answer.Usage.Output
		}
		t.note(func() { t.answers = append(t.answers, a) })
	}
}

func (t *tally) note(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}
