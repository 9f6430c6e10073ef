package request

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/budget/tokens"
)

func TestReadChat(t *testing.T) {
	r, err := Read(tokens.Chat, []byte(`{"model":"m","stream":true,"max_tokens":10,"max_completion_tokens":20,"n":2,
	 "messages":[{"role":"system","content":"be \"brief\""},
	 {"role":"user","name":"Ann","content":[{"type":"text","text":"what is this"},{"type":"image_url","image_url":{"url":"https://x/y.png","detail":"low"}}]},
	 {"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},
	 {"role":"tool","tool_call_id":"1","content":"42"}],
	 "tools":[{"type":"function","function":{"name":"f"}}],"unknown":{"deep":[1,2]}}`))
	if err != nil {
		t.Fatal(err)
	}
	p := r.Prompt
	if r.Model != "m" || !r.Stream || r.IncludeUsage || r.MaxOutput != 20 || r.N != 2 || len(p.Messages) != 4 {
		t.Fatalf("%+v", r)
	}
	if c := p.Messages[0].Contents[0]; string(c.JSON) != `be \"brief\"` || !c.Escaped {
		t.Fatalf("%q", c.JSON)
	}
	if m := p.Messages[1]; string(m.Name.JSON) != "Ann" || len(m.Contents) != 1 || len(p.Images) != 1 || p.Images[0].Detail != "low" {
		t.Fatalf("%+v %+v", m, p.Images)
	}
	if m := p.Messages[2]; len(m.ToolCalls) != 1 || string(m.ToolCalls[0].Arguments.JSON) != `{\"a\":1}` {
		t.Fatalf("%+v", m)
	}
	if string(p.Tools) != `[{"type":"function","function":{"name":"f"}}]` {
		t.Fatalf("%s", p.Tools)
	}
}

func TestReadInputs(t *testing.T) {
	for body, want := range map[string][2]int{ // strings, ids
		`"one"`: {1, 0}, `["one","two"]`: {2, 0}, `[1,2,3]`: {0, 3}, `[[1,2],[3]]`: {0, 3}, `[""]`: {1, 0},
	} {
		r, err := Read(tokens.Embedding, []byte(`{"model":"e","input":`+body+`,"encoding_format":"base64"}`))
		if err != nil {
			t.Fatal(body, err)
		}
		if got := [2]int{len(r.Prompt.Inputs), r.Prompt.TokenIDs}; got != want || r.EncodingFormat != "base64" {
			t.Errorf("%s: %v", body, got)
		}
	}
}

func TestRefused(t *testing.T) {
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	msgs := `"messages":[{"role":"user","content":"a"}]`
	for _, c := range []struct{ name, body, param, code string }{
		{"empty", ``, "", "invalid_json"},
		{"broken", `{"model":`, "", "invalid_json"},
		{"array", `[]`, "", "invalid_json"},
		{"trailing", `{"model":"m",` + msgs + `} x`, "", "invalid_json"},
		{"two objects", `{"model":"m",` + msgs + `}{}`, "", "invalid_json"},
		{"duplicate model", `{"model":"a","model":"b",` + msgs + `}`, "", "invalid_json"},
		{"invalid UTF-8", "{\"model\":\"\xff\"," + msgs + "}", "", "invalid_json"},
		{"deep", `{"model":"m","x":` + deep + `,` + msgs + `}`, "", "invalid_json"},
		{"depth 65", `{"model":"m","x":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `,` + msgs + `}`, "", "invalid_json"},
		{"no model", `{` + msgs + `}`, "model", "missing_required_parameter"},
		{"model a number", `{"model":1,` + msgs + `}`, "model", "invalid_value"},
		{"model too long", `{"model":"` + strings.Repeat("m", 300) + `",` + msgs + `}`, "model", "invalid_value"},
		{"no messages", `{"model":"m"}`, "messages", "missing_required_parameter"},
		{"empty messages", `{"model":"m","messages":[]}`, "messages", "missing_required_parameter"},
		{"messages a string", `{"model":"m","messages":"hi"}`, "messages", "invalid_value"},
		{"message a string", `{"model":"m","messages":["hi"]}`, "messages[0]", "invalid_value"},
		{"no role", `{"model":"m","messages":[{"content":"a"}]}`, "messages[0].role", "missing_required_parameter"},
		{"role a number", `{"model":"m","messages":[{"role":1}]}`, "messages[0].role", "invalid_value"},
		{"content a number", `{"model":"m","messages":[{"role":"user","content":1}]}`, "messages[0].content", "invalid_value"},
		{"stream a string", `{"model":"m","stream":"yes",` + msgs + `}`, "stream", "invalid_value"},
		{"stream_options a string", `{"model":"m","stream_options":"x",` + msgs + `}`, "stream_options", "invalid_value"},
		{"max_tokens negative", `{"model":"m","max_tokens":-1,` + msgs + `}`, "max_tokens", "invalid_value"},
		{"max_tokens huge", `{"model":"m","max_tokens":1e30,` + msgs + `}`, "max_tokens", "invalid_value"},
		{"max_tokens fraction", `{"model":"m","max_tokens":1.5,` + msgs + `}`, "max_tokens", "invalid_value"},
		{"n zero", `{"model":"m","n":0,` + msgs + `}`, "n", "invalid_value"},
		{"n huge", `{"model":"m","n":1000,` + msgs + `}`, "n", "invalid_value"},
		{"tools an object", `{"model":"m","tools":{},` + msgs + `}`, "tools", "invalid_value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(tokens.Chat, []byte(c.body))
			var e *Error
			if !errors.As(err, &e) || e.Param != c.param || e.Code != c.code || e.Message == "" {
				t.Fatalf("got %+v", err)
			}
		})
	}
	for _, body := range []string{`{"model":"m"}`, `{"model":"m","input":[]}`, `{"model":"m","input":{}}`, `{"model":"m","input":[{}]}`, `{"model":"m","input":[1.5]}`, `{"model":"m","input":["a"],"encoding_format":"hex"}`} {
		if _, err := Read(tokens.Embedding, []byte(body)); err == nil && body != `{"model":"m","input":[1.5]}` {
			t.Errorf("accepted %s", body)
		}
	}
}

func TestUpstreamEditsOnlySpans(t *testing.T) {
	const tail = `"messages":[{"role":"user","content":"é \u00e9"}], "x" : 1.0e0 }`
	for _, c := range []struct{ name, body, want string }{
		{"added", `{ "model" : "m", ` + tail, `{ "model" : "up", "messages":[{"role":"user","content":"é \u00e9"}], "x" : 1.0e0 ,"stream_options":{"include_usage":true}}`},
		{"empty object", `{"stream_options":{},"model":"m",` + tail, `{"stream_options":{"include_usage":true},"model":"up",` + tail},
		{"null", `{"stream_options":null,"model":"m",` + tail, `{"stream_options":{"include_usage":true},"model":"up",` + tail},
		{"false", `{"model":"m","stream_options":{"include_usage":false,"o":1},` + tail, `{"model":"up","stream_options":{"include_usage":true,"o":1},` + tail},
		{"other option", `{"model":"m","stream_options":{"o":1},` + tail, `{"model":"up","stream_options":{"o":1,"include_usage":true},` + tail},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Read(tokens.Chat, []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if got := string(r.Upstream(nil, Edit{Model: "up", IncludeUsage: true})); got != c.want {
				t.Fatalf("got  %s\nwant %s", got, c.want)
			}
			if got := string(r.Upstream(nil, Edit{Model: "m"})); got != c.body {
				t.Fatalf("an edit of nothing changed the body: %s", got)
			}
		})
	}
}

func TestUpstreamBoundsTheAnswer(t *testing.T) {
	const tail = `"messages":[{"role":"user","content":"a"}]}`
	for _, c := range []struct{ name, as, body, want string }{
		{"added", "max_tokens", `{"model":"m",` + tail, `{"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":50}`},
		{"null", "max_tokens", `{"max_tokens":null,"model":"m",` + tail, `{"max_tokens":50,"model":"m",` + tail},
		{"the newer name, null", "max_completion_tokens", `{"model":"m","max_completion_tokens" : null ,` + tail, `{"model":"m","max_completion_tokens" : 50 ,` + tail},
		{"the other name null", "max_completion_tokens", `{"max_tokens":null,"model":"m",` + tail,
			`{"max_tokens":null,"model":"m","messages":[{"role":"user","content":"a"}],"max_completion_tokens":50}`},
	} {
		r, err := Read(tokens.Chat, []byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(r.Upstream(nil, Edit{Model: "m", MaxOutput: 50, MaxOutputName: c.as})); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
	r, err := Read(tokens.Chat, []byte(`{"max_tokens":null,"stream_options":null,"model":"m",`+tail))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"max_tokens":7,"stream_options":{"include_usage":true},"model":"up",` + tail
	if got := string(r.Upstream(nil, Edit{Model: "up", IncludeUsage: true, MaxOutput: 7, MaxOutputName: "max_tokens"})); got != want {
		t.Errorf("all edits: %s", got)
	}
	r, err = Read(tokens.Chat, []byte(`{"max_tokens":9,"max_completion_tokens":12,"model":"m",`+tail))
	if err != nil || r.MaxOutput != 12 || r.MaxOutputName != "max_completion_tokens" {
		t.Errorf("%v %+v", err, r)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":"hi"}],"stream_options":{"include_usage":false}}`), uint8(0))
	f.Add([]byte(`{"model":"m","stream_options":null,"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}`), uint8(0))
	f.Add([]byte(`{"model":"m","prompt":["a",[1,2],3]}`), uint8(1))
	f.Add([]byte(`{"model":"m","input":[[1],[2,3]]}`), uint8(2))
	f.Fuzz(func(t *testing.T, body []byte, form uint8) {
		r, err := Read(tokens.Form(form%3), body)
		if err != nil {
			return
		}
		var before, after map[string]any
		if err := json.Unmarshal(body, &before); err != nil {
			t.Fatalf("accepted what is not JSON: %v", err)
		}
		edit := Edit{Model: "other", IncludeUsage: true}
		if r.MaxOutput == 0 {
			edit.MaxOutput, edit.MaxOutputName = 77, []string{"max_tokens", "max_completion_tokens"}[len(body)%2]
		}
		out := r.Upstream(nil, edit)
		if err := json.Unmarshal(out, &after); err != nil {
			t.Fatalf("the edited body does not parse: %v\n%s", err, out)
		}
		o, _ := after["stream_options"].(map[string]any)
		if edit.MaxOutput > 0 && after[edit.MaxOutputName] != 77.0 {
			t.Fatalf("the bound is missing: %s", out)
		}
		if after["model"] != "other" || o["include_usage"] != true {
			t.Fatalf("the edits are missing: %s", out)
		}
		edited := func(k string, _ any) bool { return k == "model" || k == "stream_options" || k == edit.MaxOutputName }
		maps.DeleteFunc(before, edited)
		maps.DeleteFunc(after, edited)
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("more changed than was meant")
		}
	})
}

func benchmarkBody(size int) []byte {
	return []byte(`{"model":"qwen3-max","stream":true,"messages":[{"role":"user","content":"` + strings.Repeat(`A line of text, with a \"quote\".\n`, size/34) + `"}]}`)
}

func BenchmarkRead(b *testing.B) {
	for name, size := range map[string]int{"1KB": 1 << 10, "20KB": 20 << 10} {
		b.Run(name, func(b *testing.B) {
			body := benchmarkBody(size)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(tokens.Chat, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
