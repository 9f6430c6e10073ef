package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/budget/tokens"
)

// sample is a text as it stands in a request's body.
type sample struct {
	name string
	text string
}

func samples(root string) ([]sample, error) {
	var err error
	read := func(patterns ...string) string {
		var b strings.Builder
		for _, p := range patterns {
			files, e := filepath.Glob(filepath.Join(root, p))
			if e != nil || len(files) == 0 {
				err = fmt.Errorf("%s: no such text (%v)", p, e)
			}
			for _, f := range files {
				data, e := os.ReadFile(f)
				if e != nil {
					err = e
				}
				b.Write(data)
			}
		}
		return b.String()
	}
	out := []sample{
		{"English", read("README.md", "ARCHITECTURE.md", "docs/configuration.md")},
		{"Korean", read("README.ko.md")},
		{"Go code", read("budget/*.go")},
		{"JSON", records()},
	}
	return out, err
}

// records are what a tool would answer.
func records() string {
	var list []map[string]any
	for i := range 200 {
		list = append(list, map[string]any{
			"id": fmt.Sprintf("ord_%08x", i*2654435761%(1<<32)), "created_at": time.Unix(1_700_000_000+int64(i)*3607, 0).UTC().Format(time.RFC3339),
			"customer": map[string]any{"name": "Customer " + fmt.Sprint(i), "email": fmt.Sprintf("user%d@example.com", i*37)},
			"total":    float64(i*1999%100_000) / 100, "paid": i%3 > 0, "tags": []string{"priority", "eu-west-1"},
		})
	}
	b, _ := json.Marshal(list) // maps of plain values
	return string(b)
}

// prompt is one user message; a new number makes a text that no cache has seen.
type prompt struct {
	tokens.Prompt
	body []byte
}

func newPrompt(text string) (*prompt, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(fmt.Sprintf("%012d ", 0) + text); err != nil {
		return nil, err
	}
	body := bytes.TrimSpace(b.Bytes())
	p := &prompt{body: body[1 : len(body)-1]}
	p.Model, p.Bytes = "gpt-4o", len(p.body)
	p.Messages = []tokens.Message{{
		Role:     tokens.Text{JSON: []byte("user")},
		Contents: []tokens.Text{{JSON: p.body, Escaped: bytes.IndexByte(p.body, '\\') >= 0}},
	}}
	return p, nil
}

func (p *prompt) number(n int) { copy(p.body, fmt.Sprintf("%012d", n)) }

func measureTokens(b *bench, p plan) error {
	fast, reference := tokens.New(tokens.Options{}), tokens.New(tokens.Options{Counter: "tiktoken"})
	for _, e := range []*tokens.Estimator{fast, reference} {
		if err := e.Load(b.ctx); err != nil {
			return err
		}
	}
	texts, err := samples(b.root)
	if err != nil {
		return err
	}
	for _, s := range texts {
		q, err := newPrompt(s.text)
		if err != nil {
			return err
		}
		exact, truth, bound := fast.Count(&q.Prompt), reference.Count(&q.Prompt), fast.Bound(&q.Prompt)
		n := 0
		speed := func(d time.Duration) float64 {
			from, start := n, time.Now()
			for time.Since(start) < d {
				n++
				q.number(n)
				fast.Count(&q.Prompt)
			}
			return float64((n-from)*len(q.body)) / 1e6 / time.Since(start).Seconds()
		}
		speed(p.tokens / 4) // warm
		var speeds []float64
		for range p.rounds {
			speeds = append(speeds, speed(p.tokens))
		}
		v := median(speeds)
		b.row(fmt.Sprintf("exact count, %s (%d KB, uncached), one core", s.name, len(q.body)/1000), fmt.Sprintf("%.0f MB/s", v), "≥ 50 MB/s", v >= 50)
		b.row(fmt.Sprintf("error of the exact count against tiktoken, %s", s.name), fmt.Sprintf("%d of %d tokens", exact-truth, truth), "0", exact == truth)
		b.row(fmt.Sprintf("excess of the cheap bound, %s", s.name), fmt.Sprintf("%+.0f %%", 100*float64(bound-truth)/float64(truth)), "never below", bound >= truth)
	}
	return nil
}
