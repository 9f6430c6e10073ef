package openai_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/providers/openai"
	"github.com/sluice-gateway/sluice/providers/providertest"
)

func seeds(f *testing.F, pattern string) [][]byte {
	f.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds at %s: %v", pattern, err)
	}
	var out [][]byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, data)
	}
	return out
}

// FuzzStream: any bytes make a transcript that ends, is the same however they are
// split, and holds nothing but JSON on one line.
func FuzzStream(f *testing.F) {
	for _, s := range seeds(f, "testdata/streams/*.sse") {
		f.Add(s)
	}
	f.Add([]byte("data: {}\r\rdata\n:\ndata:x\n\n"))
	d := newDialect(f, "openai")
	f.Fuzz(func(t *testing.T, data []byte) {
		got := providertest.Transcript(d.Stream(bytes.NewReader(data)))
		if again := providertest.Transcript(d.Stream(iotest.OneByteReader(bytes.NewReader(data)))); !slices.Equal(got, again) {
			t.Errorf("byte by byte it says\n%s\nnot\n%s", strings.Join(again, "\n"), strings.Join(got, "\n"))
		}
		s := d.Stream(bytes.NewReader(data))
		for {
			e, err := s.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, providers.ErrTruncated) && !errors.Is(err, providers.ErrEventTooLarge) {
					t.Errorf("it ends in %v", err)
				}
				return
			}
			if e.Data != nil && (!json.Valid(e.Data) || bytes.ContainsAny(e.Data, "\r\n")) {
				t.Errorf("%q is no chunk", e.Data)
			}
		}
	})
}

// FuzzChunk: a chunk that is let through means what it meant, but for what a repair
// may change.
func FuzzChunk(f *testing.F) {
	for _, s := range seeds(f, "testdata/streams/*.sse") {
		for line := range strings.Lines(string(s)) {
			if data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: {"); ok {
				f.Add("{" + data)
			}
		}
	}
	f.Add(`{"error":null,"usage":null,"a":1,"error":false,"choices":null}`)
	f.Add(`{"choices":[{"delta":{"tool_calls":[{"function":{"name":"a","x":1}},{"index":0,"function":{"x":1,"name":"b"}}]}}]}`)
	d := newDialect(f, "openai")
	f.Fuzz(func(t *testing.T, chunk string) {
		valid := json.Valid([]byte(chunk))
		if strings.ContainsAny(chunk, "\r\n") || valid && duplicates(chunk) {
			t.Skip()
		}
		var want map[string]any
		valid = valid && json.Unmarshal([]byte(chunk), &want) == nil
		s := d.StreamWith(strings.NewReader(events(chunk, "[DONE]")), providers.StreamOptions{StripUsageNull: true})
		e, err := s.Next()
		switch {
		case err != nil:
			t.Fatalf("it ends in %v", err)
		case e.Failure != nil || e.Done:
			return
		case !valid:
			t.Fatalf("%q was let through as %q", chunk, e.Data)
		}
		var got map[string]any
		if err := json.Unmarshal(e.Data, &got); err != nil {
			t.Fatalf("%q is no chunk: %v", e.Data, err)
		}
		checkRepaired(t, got)
		normalise(want)
		normalise(got)
		if a, b := dump(want), dump(got); a != b {
			t.Errorf("%s\nbecame\n%s", a, b)
		}
	})
}

// duplicates says that an object has two members of one name, where what it means
// is anyone's guess.
func duplicates(text string) bool {
	d := json.NewDecoder(strings.NewReader(text))
	var walk func() bool
	walk = func() bool {
		token, err := d.Token()
		if err != nil {
			return false
		}
		switch token {
		case json.Delim('{'):
			seen := map[any]bool{}
			for d.More() {
				name, err := d.Token()
				if err != nil || seen[name] || walk() {
					return true
				}
				seen[name] = true
			}
			_, _ = d.Token()
		case json.Delim('['):
			for d.More() {
				if walk() {
					return true
				}
			}
			_, _ = d.Token()
		}
		return false
	}
	return walk()
}

func dump(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// checkRepaired: what clients trip over is not there.
func checkRepaired(t *testing.T, chunk map[string]any) {
	t.Helper()
	if _, ok := chunk["error"]; ok {
		t.Error("there is an error")
	}
	if v, ok := chunk["usage"]; ok && v == nil {
		t.Error("the usage is null")
	}
	choices, ok := chunk["choices"].([]any)
	if !ok {
		t.Fatal("there are no choices")
	}
	for _, c := range choices {
		choice, ok := c.(map[string]any)
		if !ok {
			continue
		}
		if _, ok := choice["index"].(float64); !ok {
			t.Error("a choice has no index")
		}
		delta, _ := choice["delta"].(map[string]any)
		calls, _ := delta["tool_calls"].([]any)
		for _, c := range calls {
			if call, ok := c.(map[string]any); ok {
				if _, ok := call["index"].(float64); !ok {
					t.Error("a tool call has no index")
				}
			}
		}
	}
}

// normalise takes away what a repair may change.
func normalise(chunk map[string]any) {
	delete(chunk, "error")
	if chunk["usage"] == nil {
		delete(chunk, "usage")
	}
	choices, _ := chunk["choices"].([]any)
	if len(choices) == 0 {
		delete(chunk, "choices")
	}
	for _, c := range choices {
		choice, _ := c.(map[string]any)
		delete(choice, "index")
		delta, _ := choice["delta"].(map[string]any)
		if role, _ := delta["role"].(string); role == "" || role == "assistant" {
			delete(delta, "role")
		}
		calls, _ := delta["tool_calls"].([]any)
		for _, c := range calls {
			call, _ := c.(map[string]any)
			for _, name := range []string{"index", "id", "type"} {
				delete(call, name)
			}
			if function, ok := call["function"].(map[string]any); ok {
				delete(function, "name")
			}
		}
	}
}

// FuzzClassify: any refusal has a kind and a wait within bounds, and says little.
func FuzzClassify(f *testing.F) {
	for _, s := range seeds(f, "testdata/errors/*.json") {
		var cases []struct {
			Status int
			Body   json.RawMessage
			Text   string
		}
		if err := json.Unmarshal(s, &cases); err != nil {
			f.Fatal(err)
		}
		for i, c := range cases {
			f.Add(uint8(i), c.Status, []byte(c.Text+string(c.Body)), "7.66")
		}
	}
	presets := providers.Presets()
	f.Fuzz(func(t *testing.T, preset uint8, status int, body []byte, wait string) {
		p := presets[int(preset)%len(presets)]
		got := providers.Classify(&p, status, map[string][]string{"Retry-After": {wait}}, body, providertest.Now())
		if got.Kind == providers.Unclassified || got.RetryAfter < 0 || got.RetryAfter > providers.MaxWait || got.Limit < 0 || got.Requested < 0 {
			t.Errorf("it is %+v", got)
		}
		if len(got.Message) > providers.MaxMessage || strings.ContainsAny(got.Message+got.Code+got.Type, "\r\n\x00") {
			t.Errorf("it says %q", got.Message)
		}
		again := providers.Classify(&p, status, map[string][]string{"Retry-After": {wait}}, body, providertest.Now())
		if again.Kind != got.Kind || again.RetryAfter != got.RetryAfter {
			t.Errorf("it is %+v, and then %+v", got, again)
		}
	})
}

// FuzzEmbeddings: what is converted there and back is what it was.
func FuzzEmbeddings(f *testing.F) {
	f.Add([]byte(`{"data":[{"embedding":[0.1,-2e-3,1e-45,3.4e38,0,-0.0],"index":0}],"x":1}`))
	f.Add([]byte(`{"data":[{"index":0,"embedding":"zczMPQAAAAA="}]}`))
	f.Add([]byte(`{"data":[{"embedding":"\u007aczMPQ=="},5,{"embedding":null}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		floats, err := openai.ConvertEmbeddings(body, "float")
		if err != nil {
			return
		}
		packed, err := openai.ConvertEmbeddings(floats, "base64")
		if err != nil {
			return
		}
		again, err := openai.ConvertEmbeddings(packed, "float")
		if err != nil {
			t.Fatal(err)
		}
		once, err := openai.ConvertEmbeddings(again, "base64")
		if err != nil || !bytes.Equal(once, packed) {
			t.Errorf("%q became %q: %v", packed, once, err)
		}
	})
}
