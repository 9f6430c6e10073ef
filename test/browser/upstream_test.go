package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/sluice-gateway/sluice/providers/simulated"
)

// far is a provider outside the program, which can be asked who has called it.
type far struct {
	*httptest.Server
	sim *simulated.Server

	mu    sync.Mutex
	calls map[string]int // by the upstream key
	gate  chan struct{}  // nil: calls go through
}

// held is a prompt whose calls wait while hold lasts.
const held = "Hold the line."

// hold keeps back the answers to such calls until what it answers is called.
func (f *far) hold() (release func()) {
	gate := make(chan struct{})
	f.mu.Lock()
	f.gate = gate
	f.mu.Unlock()
	return sync.OnceFunc(func() {
		f.mu.Lock()
		f.gate = nil
		f.mu.Unlock()
		close(gate)
	})
}

// pass waits where a call has to.
func (f *far) pass(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.mu.Lock()
	f.calls[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]++
	gate := f.gate
	f.mu.Unlock()
	if gate == nil || !bytes.Contains(body, []byte(held)) {
		return nil
	}
	select {
	case <-gate:
		return nil
	case <-r.Context().Done():
		return r.Context().Err()
	}
}

// newFar starts one with two accounts: east with two keys, and west with one.
func newFar() *far {
	f := &far{calls: map[string]int{}, sim: simulated.New(simulated.Options{
		Accounts: []simulated.Account{{Name: "east", Keys: []string{"sk-far-east-1", "sk-far-east-2"}}, {Name: "west", Keys: []string{"sk-far-west-1"}}}, OutputTokens: 8,
	})}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f.pass(r); err != nil {
			return // whoever called has gone
		}
		f.sim.ServeHTTP(w, r)
	}))
	return f
}

// called is how many calls a key has carried.
func (f *far) called(key string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[key]
}

// account is what the provider itself has counted for an account.
func (f *far) account(name string) (t simulated.Stats) {
	for _, s := range f.sim.Stats() {
		if s.Account == name {
			t.Attempts += s.Attempts
			t.OK += s.OK
			t.InFlight += s.InFlight
		}
	}
	return t
}

// markup is what the model of newMarkup answers.
const markup = `<img src=x onerror="window.hurt=1"><script>window.hurt=2</script><b>bold</b> **stars** [link](javascript:window.hurt=3) &amp; <a href="javascript:window.hurt=4">go</a>`

// newMarkup starts a provider whose model writes markup, as a whole and as a stream.
func newMarkup() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Model  string
			Stream bool
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		usage := `"usage":{"prompt_tokens":9,"completion_tokens":40,"total_tokens":49}`
		head := fmt.Sprintf(`"id":"chatcmpl-1","created":1,"model":%q`, q.Model)
		if !q.Stream {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{%s,"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}],%s}`, head, quoted(markup), usage)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for i := 0; i < len(markup); i += 7 {
			piece := markup[i:min(i+7, len(markup))]
			fmt.Fprintf(w, "data: {%s,\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%s},\"finish_reason\":null}]}\n\n", head, quoted(piece))
		}
		fmt.Fprintf(w, "data: {%s,\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", head)
		fmt.Fprintf(w, "data: {%s,\"object\":\"chat.completion.chunk\",\"choices\":[],%s}\n\ndata: [DONE]\n\n", head, usage)
	}))
}
