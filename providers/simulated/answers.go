package simulated

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"math"
	"net/http"
	"strings"

	"github.com/sashabaranov/go-openai"
)

// chatRequest is what the server reads of a chat.
type chatRequest struct {
	Model               string `json:"model"`
	Stream              bool   `json:"stream"`
	MaxTokens           int64  `json:"max_tokens"`
	MaxCompletionTokens int64  `json:"max_completion_tokens"`
	N                   int    `json:"n"`
	Messages            []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
	Prompt        json.RawMessage       `json:"prompt"`
	Tools         []openai.Tool         `json:"tools"`
	ToolChoice    json.RawMessage       `json:"tool_choice"`
	StreamOptions *openai.StreamOptions `json:"stream_options"`
}

// words are what answers are made of: one token each, a space before them counted in.
func words() []string {
	return strings.Fields("the quick answer is that every call goes through when there is room for it and waits when there is none so nothing fails and all of the limit gets used")
}

// texts are all the strings of a raw JSON value.
func texts(raw json.RawMessage, add func(string)) {
	var v any
	if json.Unmarshal(raw, &v) == nil {
		walk(v, add)
	}
}

func walk(v any, add func(string)) {
	switch v := v.(type) {
	case string:
		add(v)
	case []any:
		for _, e := range v {
			walk(e, add)
		}
	case map[string]any:
		if s, ok := v["text"].(string); ok {
			add(s)
		}
	}
}

// measure counts a prompt and remembers its last text, where markers are looked for.
func (s *Server) measure(q *chatRequest) (tokens int64, last string) {
	for _, m := range q.Messages {
		tokens += 3 + s.o.Count(q.Model, m.Role)
		texts(m.Content, func(t string) {
			tokens += s.o.Count(q.Model, t)
			last = t
		})
	}
	if len(q.Messages) > 0 {
		tokens += 3
	}
	if len(q.Prompt) > 0 {
		texts(q.Prompt, func(t string) {
			tokens += s.o.Count(q.Model, t)
			last = t
		})
	}
	if len(q.Tools) > 0 {
		raw, _ := json.Marshal(q.Tools) // was unmarshalled just now
		tokens += s.o.Count(q.Model, string(raw))
	}
	return tokens, last
}

func (s *Server) serveChat(w http.ResponseWriter, r *http.Request)       { s.generate(w, r, true) }
func (s *Server) serveCompletion(w http.ResponseWriter, r *http.Request) { s.generate(w, r, false) }

// generate answers a chat or a completion.
func (s *Server) generate(w http.ResponseWriter, r *http.Request, chat bool) {
	var q chatRequest
	a, ok := s.open(w, r, &q)
	if !ok {
		return
	}
	if q.Model == "" || chat && len(q.Messages) == 0 {
		writeError(w, http.StatusBadRequest, "invalid_request_error", "invalid_value", "A model and messages are needed.")
		return
	}
	n := max(q.N, 1)
	input, last := s.measure(&q)
	most := max(q.MaxTokens, q.MaxCompletionTokens)
	length, finish := s.o.OutputTokens, "stop"
	if most > 0 && most < length {
		length, finish = most, "length"
	}
	if most == 0 {
		most = length
	}
	c := s.admit(w, r, a, q.Model, last, input, most*int64(n))
	if c == nil {
		return
	}
	if c.rule != nil && c.rule.Tokens > 0 {
		length, finish = c.rule.Tokens, "stop"
		if declared := max(q.MaxTokens, q.MaxCompletionTokens); declared > 0 && declared < length {
			length, finish = declared, "length"
		}
	}
	g := &generation{call: c, chat: chat, n: n, length: length, finish: finish, words: words()}
	if name := forcedTool(&q); name != "" {
		g.tool, g.finish, g.length = name, "tool_calls", 4
	}
	g.id = "chatcmpl-" + base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, hash(last)^uint64(s.o.Now().UnixNano())))
	if q.Stream {
		g.stream(w, r, q.StreamOptions != nil && q.StreamOptions.IncludeUsage)
		return
	}
	g.whole(w, r)
}

// forcedTool is the tool that an answer has to call; empty: none.
func forcedTool(q *chatRequest) string {
	if len(q.Tools) == 0 || q.Tools[0].Function == nil {
		return ""
	}
	var choice struct{ Function struct{ Name string } }
	if json.Unmarshal(q.ToolChoice, &choice) == nil && choice.Function.Name != "" {
		return choice.Function.Name
	}
	if string(q.ToolChoice) == `"required"` {
		return q.Tools[0].Function.Name
	}
	return ""
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	return h.Sum64()
}

func (s *Server) serveModels(w http.ResponseWriter, r *http.Request) {
	a := s.account(r)
	if a == nil {
		writeError(w, http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "Incorrect API key provided.")
		return
	}
	list := []openai.Model{}
	for _, l := range a.Limits {
		for _, m := range l.Models {
			if !strings.HasSuffix(m, "*") {
				list = append(list, openai.Model{ID: m, Object: "model", OwnedBy: "simulated"})
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"object": "list", "data": list})
}

// dimensions of an embedding.
const dimensions = 8

func (s *Server) serveEmbeddings(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Model          string          `json:"model"`
		Input          json.RawMessage `json:"input"`
		EncodingFormat string          `json:"encoding_format"`
	}
	a, ok := s.open(w, r, &q)
	if !ok {
		return
	}
	inputs := embeddingInputs(q.Input)
	if len(inputs) == 0 {
		writeError(w, http.StatusBadRequest, "invalid_request_error", "invalid_value", "'input' is empty.")
		return
	}
	var tokens int64
	for _, in := range inputs {
		tokens += in.ids
		if in.text != "" {
			tokens += s.o.Count(q.Model, in.text)
		}
	}
	c := s.admit(w, r, a, q.Model, inputs[len(inputs)-1].text, tokens, 0)
	if c == nil {
		return
	}
	defer c.settle(0, false)
	data := make([]map[string]any, len(inputs))
	for i, in := range inputs {
		data[i] = map[string]any{"object": "embedding", "index": i, "embedding": vector(in.text, q.EncodingFormat)}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"object": "list", "model": q.Model, "data": data,
		"usage": map[string]any{"prompt_tokens": tokens, "total_tokens": tokens},
	})
}

type embeddingInput struct {
	text string
	ids  int64
}

// embeddingInputs reads a string, strings, token ids or arrays of them.
func embeddingInputs(raw json.RawMessage) (out []embeddingInput) {
	var one string
	var many []json.RawMessage
	if json.Unmarshal(raw, &one) == nil {
		return []embeddingInput{{text: one}}
	}
	if json.Unmarshal(raw, &many) != nil {
		return nil
	}
	var ids []int64
	if json.Unmarshal(raw, &ids) == nil && len(ids) > 0 {
		return []embeddingInput{{ids: int64(len(ids))}}
	}
	for _, e := range many {
		var text string
		if json.Unmarshal(e, &text) == nil {
			out = append(out, embeddingInput{text: text})
		} else if json.Unmarshal(e, &ids) == nil {
			out = append(out, embeddingInput{ids: int64(len(ids))})
		}
	}
	return out
}

// vector is a text's embedding, as floats or as base64 of little-endian float32.
func vector(text, format string) any {
	h := hash(text)
	v := make([]float32, dimensions)
	var raw []byte
	for i := range v {
		v[i] = float32(int8(h>>(8*i))) / 128
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v[i]))
	}
	if format == "base64" {
		return base64.StdEncoding.EncodeToString(raw)
	}
	return v
}
