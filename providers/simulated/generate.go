package simulated

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// generation is one answer on its way.
type generation struct {
	*call
	id      string
	chat    bool
	n       int
	length  int64
	finish  string
	tool    string
	words   []string
	frame   []byte
	written int64 // tokens of each answer so far
}

// tick is the least pause between two pieces of a stream: faster streams send more
// words in each.
const tick = 5 * time.Millisecond

// pause waits; false when the client has gone.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// pace answers how many words go at once, and the pause behind them.
func (g *generation) pace() (words int64, wait time.Duration) {
	rate := g.s.o.TokensPerSecond
	if rate <= 0 {
		return 8, 0
	}
	words = max(int64(tick)*rate/int64(time.Second), 1)
	return words, time.Duration(words * int64(time.Second) / rate)
}

func (g *generation) text(from, to int64) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(g.words[i%int64(len(g.words))])
	}
	return b.String()
}

// whole answers at once, after the time that the tokens would take.
func (g *generation) whole(w http.ResponseWriter, r *http.Request) {
	wait := g.s.o.FirstToken
	if rate := g.s.o.TokensPerSecond; rate > 0 {
		wait += time.Duration(g.length * int64(time.Second) / rate)
	}
	if !pause(r.Context(), wait) {
		g.settle(0, true)
		return
	}
	output := g.length * int64(g.n)
	g.settle(output, false)
	choices := make([]map[string]any, g.n)
	for i := range choices {
		c := map[string]any{"index": i, "finish_reason": g.finish, "logprobs": nil}
		switch {
		case !g.chat:
			c["text"] = g.text(0, g.length)
		case g.tool != "":
			c["message"] = map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{map[string]any{
				"id": "call_" + strconv.Itoa(i), "type": "function", "function": map[string]any{"name": g.tool, "arguments": "{}"}}}}
		default:
			c["message"] = map[string]any{"role": "assistant", "content": g.text(0, g.length)}
		}
		choices[i] = c
	}
	object := "chat.completion"
	if !g.chat {
		object = "text_completion"
	}
	answer := map[string]any{"id": g.id, "object": object, "created": g.s.o.Now().Unix(), "model": g.model, "choices": choices}
	if g.rule == nil || g.rule.Mode != "no-usage" {
		answer["usage"] = g.usage(output)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the client may have gone
}

func (g *generation) usage(output int64) map[string]any {
	return map[string]any{"prompt_tokens": g.input, "completion_tokens": output, "total_tokens": g.input + output}
}

// stream answers in events.
func (g *generation) stream(w http.ResponseWriter, r *http.Request, usage bool) {
	done := false
	defer func() { g.settle(g.written*int64(g.n), !done) }()
	if !pause(r.Context(), g.s.o.FirstToken) {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	mode := ""
	if g.rule != nil {
		mode = g.rule.Mode
	}
	usage = usage && mode != "no-usage"
	size, wait := g.pace()
	for i := range g.n {
		g.open(w, i, usage)
	}
	if g.tool != "" {
		g.written = g.length
	}
	for chunk := 0; g.written < g.length; chunk++ {
		if chunk == 2 && mode == "cut" {
			panic(http.ErrAbortHandler)
		}
		if chunk == 2 && mode == "error-mid-stream" {
			g.send(w, `{"error":{"message":"The server had an error.","type":"server_error","param":null,"code":null}}`)
			return
		}
		to := min(g.written+size, g.length)
		for i := range g.n {
			g.delta(w, i, strconv.Quote(g.text(g.written, to)), usage)
		}
		g.written = to
		if !pause(r.Context(), wait) {
			return
		}
	}
	done = true
	g.close(w, usage, mode)
}

// head begins a chunk.
func (g *generation) head() {
	object := "chat.completion.chunk"
	if !g.chat {
		object = "text_completion"
	}
	g.frame = append(g.frame[:0], `{"id":"`+g.id+`","object":"`+object+`","created":`...)
	g.frame = strconv.AppendInt(g.frame, g.s.o.Now().Unix(), 10)
	g.frame = append(g.frame, `,"model":`...)
	g.frame = strconv.AppendQuote(g.frame, g.model)
}

func (g *generation) choice(w http.ResponseWriter, index int, inner, finish string, usage bool) {
	g.head()
	g.frame = append(g.frame, `,"choices":[{"index":`...)
	g.frame = strconv.AppendInt(g.frame, int64(index), 10)
	g.frame = append(g.frame, ","+inner+`,"finish_reason":`+finish+"}]"...)
	if usage {
		g.frame = append(g.frame, `,"usage":null`...)
	}
	g.send(w, string(append(g.frame, '}')))
}

func (g *generation) open(w http.ResponseWriter, index int, usage bool) {
	switch {
	case !g.chat:
	case g.tool != "":
		g.choice(w, index, `"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_`+strconv.Itoa(index)+
			`","type":"function","function":{"name":`+strconv.Quote(g.tool)+`,"arguments":""}}]}`, "null", usage)
		g.choice(w, index, `"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}`, "null", usage)
	default:
		g.choice(w, index, `"delta":{"role":"assistant","content":""}`, "null", usage)
	}
}

func (g *generation) delta(w http.ResponseWriter, index int, quoted string, usage bool) {
	if g.chat {
		g.choice(w, index, `"delta":{"content":`+quoted+`}`, "null", usage)
		return
	}
	g.choice(w, index, `"text":`+quoted, "null", usage)
}

// close ends the stream well.
func (g *generation) close(w http.ResponseWriter, usage bool, mode string) {
	for i := range g.n {
		inner := `"delta":{}`
		if !g.chat {
			inner = `"text":""`
		}
		g.choice(w, i, inner, strconv.Quote(g.finish), usage)
	}
	if usage {
		g.head()
		u, _ := json.Marshal(g.usage(g.written * int64(g.n))) // a map of numbers
		g.send(w, string(g.frame)+`,"choices":[],"usage":`+string(u)+"}")
	}
	if mode != "no-done" {
		g.send(w, "[DONE]")
	}
}

func (g *generation) send(w http.ResponseWriter, data string) {
	_, _ = w.Write([]byte("data: " + data + "\n\n")) // a client that has gone is found by its context
	_ = http.NewResponseController(w).Flush()
}
