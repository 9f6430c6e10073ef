package e2e

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/sluice-gateway/sluice/providers/simulated"
)

func cachedRoute(t *testing.T) (*simulated.Server, *gateway) {
	t.Helper()
	o := open("a")
	o.FirstToken = 300 * time.Millisecond
	s, url := upstream(t, o)
	return s, start(t, one(url, "    cache: {ttl: 1m}\n"))
}

func TestTheCacheServesOfficialClients(t *testing.T) {
	s, g := cachedRoute(t)
	client := official(g)
	var texts []string
	for range 3 {
		r, err := client.Chat.Completions.New(t.Context(), ask("m", "Hello!"))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, r.Choices[0].Message.Content+r.ID)
	}
	for range 3 {
		stream := client.Chat.Completions.NewStreaming(t.Context(), ask("m", "Hello!"))
		all := openai.ChatCompletionAccumulator{}
		for stream.Next() {
			all.AddChunk(stream.Current())
		}
		if stream.Err() != nil || len(all.Choices) != 1 || all.Choices[0].FinishReason != "stop" {
			t.Fatalf("%v %+v", stream.Err(), all)
		}
		texts = append(texts, all.Choices[0].Message.Content+all.ID)
	}
	if texts[0] != texts[1] || texts[0] != texts[2] || texts[3] != texts[4] || texts[3] != texts[5] {
		t.Errorf("answers differ: %q", texts)
	}
	if n := s.Total().Attempts; n != 2 {
		t.Errorf("%d upstream calls for one question in two forms", n)
	}
	var fresh *http.Response
	_, err := client.Chat.Completions.New(t.Context(), ask("m", "Hello!"), option.WithHeader("Cache-Control", "no-store"), option.WithResponseInto(&fresh))
	if err != nil || fresh.Header.Get("X-Sluice-Cache") != "bypass" || s.Total().Attempts != 3 {
		t.Errorf("%v: %v", err, fresh.Header)
	}
	metrics := do(t, get(t, g.admin+"/metrics")).body
	for _, want := range []string{
		`sluice_cache_total{result="hit",route="m"} 4`, `sluice_cache_total{result="miss",route="m"} 2`, `sluice_cache_total{result="bypass",route="m"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func get(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAHundredIdenticalCallsAreOneUpstreamCall(t *testing.T) {
	s, g := cachedRoute(t)
	for i, extra := range []string{`"n":1`, `"stream":true`} {
		var mu sync.Mutex
		results := map[string]int{}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				a := g.chat("m", "Hello!", extra)
				mu.Lock()
				defer mu.Unlock()
				results[a.header.Get("X-Sluice-Cache")]++
				if a.status != 200 || strings.Contains(extra, "stream") && !strings.HasSuffix(a.body, "data: [DONE]\n\n") {
					t.Errorf("%d %s", a.status, a.body)
				}
			})
		}
		wg.Wait()
		if n := s.Total().Attempts; n != int64(i+1) || results["miss"] != 1 || results["hit"] != 99 {
			t.Errorf("%s: %d upstream calls: %v", extra, n, results)
		}
	}
	for _, b := range g.buckets() {
		if b.Reserved != 0 {
			t.Errorf("something is held: %+v", b)
		}
	}
}
