package e2e

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	community "github.com/sashabaranov/go-openai"
)

// forSDKs is a gateway with a route m, and a route full that has no room.
func forSDKs(t *testing.T) *gateway {
	_, url := upstream(t, open("a"))
	return start(t, one(url, "  full:\n    targets: [up/m]\n    limits: {rpm: 1, burst: 1}\n  brisk:\n    targets: [up/m]\n    limits: {rps: 2, burst: 1}"))
}

func TestTheGoSDKComesBackWhenItIsTold(t *testing.T) {
	g := forSDKs(t)
	n := &counting{}
	client := official(g, option.WithHTTPClient(&http.Client{Transport: n}), option.WithMaxRetries(2))
	for range 2 {
		if _, err := client.Chat.Completions.New(t.Context(), ask("brisk", "hi")); err != nil {
			t.Fatal(err)
		}
	}
	if n.n.Load() != 3 {
		t.Fatalf("%d requests for two calls, of which one is told to wait", n.n.Load())
	}
}

func TestTheNodeSDK(t *testing.T) {
	g := forSDKs(t)
	g.chat("full", "hi")
	out, err := exec.Command("node", "../sdk/node/check.mjs", g.api+"/v1", key).CombinedOutput()
	t.Logf("%s", out)
	if err != nil || strings.Count(string(out), "ok ") < 10 {
		t.Fatalf("%v (make test installs what this needs)", err)
	}
}

// counting counts the HTTP requests that an SDK makes.
type counting struct{ n atomic.Int64 }

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return http.DefaultTransport.RoundTrip(r)
}

func official(g *gateway, o ...option.RequestOption) openai.Client {
	return openai.NewClient(append([]option.RequestOption{option.WithBaseURL(g.api + "/v1/"), option.WithAPIKey(key)}, o...)...)
}

func ask(model, text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
}

func TestTheGoSDK(t *testing.T) {
	g, ctx := forSDKs(t), t.Context()
	client := official(g)
	r, err := client.Chat.Completions.New(ctx, ask("m", "Hello!"))
	if err != nil || r.Choices[0].Message.Content == "" || r.Usage.TotalTokens == 0 {
		t.Fatalf("%v %+v", err, r)
	}
	stream := client.Chat.Completions.NewStreaming(ctx, ask("m", "Hello!"))
	all := openai.ChatCompletionAccumulator{}
	for stream.Next() {
		all.AddChunk(stream.Current())
	}
	if stream.Err() != nil || all.Choices[0].Message.Content != r.Choices[0].Message.Content {
		t.Fatalf("%v %+v", stream.Err(), all.Choices)
	}
	broken := client.Chat.Completions.NewStreaming(ctx, ask("m", "[[simulate: mode=cut]]"))
	for broken.Next() {
	}
	if broken.Err() == nil {
		t.Fatal("a cut stream looked whole")
	}
	e, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{Model: "m", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a", "b"}}})
	if err != nil || len(e.Data) != 2 || len(e.Data[0].Embedding) == 0 {
		t.Fatalf("%v %+v", err, e)
	}
	if list, err := client.Models.List(ctx); err != nil || len(list.Data) != 3 {
		t.Fatalf("%v %+v", err, list)
	}
}

func TestTheGoSDKMeetsErrorsByStatus(t *testing.T) {
	g, ctx := forSDKs(t), t.Context()
	g.chat("full", "hi")
	for _, c := range []struct {
		name, model, text, key string
		status                 int
		requests               int64
	}{
		{"bad key", "m", "hi", "sk-wrong", 401, 1}, {"unknown model", "none", "hi", key, 404, 1},
		{"upstream's no", "m", "[[simulate: status=400]]", key, 400, 1},
		{"exhausted: the SDK does not try again", "m", "[[simulate: status=500]]", key, 502, 1},
		{"no room", "full", "hi", key, 429, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &counting{}
			client := official(g, option.WithAPIKey(c.key), option.WithHTTPClient(&http.Client{Transport: n}), option.WithMaxRetries(2))
			if c.status == 429 {
				client = official(g, option.WithHTTPClient(&http.Client{Transport: n}), option.WithMaxRetries(0))
			}
			_, err := client.Chat.Completions.New(ctx, ask(c.model, c.text))
			var api *openai.Error
			if !errors.As(err, &api) || api.StatusCode != c.status || n.n.Load() != c.requests {
				t.Fatalf("%v after %d requests", err, n.n.Load())
			}
		})
	}
}

func TestTheCommunitysGoClient(t *testing.T) {
	g, ctx := forSDKs(t), context.Background()
	cfg := community.DefaultConfig(key)
	cfg.BaseURL = g.api + "/v1"
	client := community.NewClientWithConfig(cfg)
	messages := []community.ChatCompletionMessage{{Role: "user", Content: "Hello!"}}
	if r, err := client.CreateChatCompletion(ctx, community.ChatCompletionRequest{Model: "m", Messages: messages}); err != nil || r.Choices[0].Message.Content == "" {
		t.Fatalf("%v %+v", err, r)
	}
	tool := community.Tool{Type: "function", Function: &community.FunctionDefinition{Name: "look_up", Parameters: map[string]any{"type": "object"}}}
	if r, err := client.CreateChatCompletion(ctx, community.ChatCompletionRequest{Model: "m", Messages: messages, Tools: []community.Tool{tool}, ToolChoice: "required"}); err != nil || r.Choices[0].Message.ToolCalls[0].Function.Name != "look_up" {
		t.Fatalf("%v %+v", err, r)
	}
	s, err := client.CreateChatCompletionStream(ctx, community.ChatCompletionRequest{Model: "m", Messages: messages, Stream: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	chunks := 0
	for {
		if _, err := s.Recv(); err != nil {
			break
		}
		chunks++
	}
	if chunks < 3 {
		t.Fatalf("%d chunks", chunks)
	}
	for _, format := range []community.EmbeddingEncodingFormat{community.EmbeddingEncodingFormatFloat, community.EmbeddingEncodingFormatBase64} {
		if e, err := client.CreateEmbeddings(ctx, community.EmbeddingRequest{Input: []string{"a"}, Model: "m", EncodingFormat: format}); err != nil || len(e.Data[0].Embedding) == 0 {
			t.Fatalf("%s: %v %+v", format, err, e)
		}
	}
	_, err = client.CreateChatCompletion(ctx, community.ChatCompletionRequest{Model: "none", Messages: messages})
	var api *community.APIError
	if !errors.As(err, &api) || api.HTTPStatusCode != 404 {
		t.Fatal(err)
	}
}

// What openai for Python sends, replayed byte for byte: its package cannot be
// installed where these tests run.
func TestThePythonSDKsRequests(t *testing.T) {
	g := forSDKs(t)
	headers := []string{
		"Accept", "application/json", "User-Agent", "OpenAI/Python 2.51.0", "X-Stainless-Lang", "python", "X-Stainless-Package-Version", "2.51.0",
		"X-Stainless-Os", "Linux", "X-Stainless-Arch", "x64", "X-Stainless-Runtime", "CPython", "X-Stainless-Runtime-Version", "3.12.4",
		"X-Stainless-Async", "false", "X-Stainless-Retry-Count", "0", "X-Stainless-Read-Timeout", "600",
	}
	for path, bodies := range map[string][]string{
		"/v1/chat/completions": {
			`{"messages":[{"role":"user","content":"Say \u00e9 \ud83d\ude42"}],"model":"m"}`,
			`{"messages":[{"role":"user","content":"Hello!"}],"model":"m","stream":true,"stream_options":{"include_usage":true}}`,
			`{"messages":[{"role":"user","content":[{"type":"text","text":"Hello!"}]}],"model":"m","max_completion_tokens":5,"temperature":0.2}`,
		},
		"/v1/embeddings": {`{"input":["one","two"],"model":"m","encoding_format":"base64"}`},
	} {
		for _, body := range bodies {
			a := g.post(path, body, headers...)
			if a.status != 200 || a.header.Get("X-Request-Id") == "" {
				t.Errorf("%s: %d %s", body, a.status, a.body)
			}
			if strings.Contains(body, "stream") && !strings.HasSuffix(a.body, "data: [DONE]\n\n") {
				t.Errorf("%s: %s", body, a.body)
			}
		}
	}
}

// A request with two framings is read by one of them and never sent on as it came.
func TestTwoFramings(t *testing.T) {
	s, url := upstream(t, open("a"))
	g := start(t, one(url, ""))
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.api, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "+key+"\r\nConnection: close\r\n"+
		"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nPOST /v1/models HTTP/1.1\r\nHost: a\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil && len(answer) == 0 {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(answer), "HTTP/1.1 400") || !strings.Contains(string(answer), `"invalid_json"`) || strings.Count(string(answer), "HTTP/1.1") != 1 {
		t.Fatalf("%s", answer)
	}
	if n := s.Total().Attempts; n != 0 {
		t.Fatalf("%d calls went on", n)
	}
}
