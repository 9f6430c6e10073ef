package tokens

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"strings"
	"sync"
	"testing"
)

func ready(t testing.TB, counter string) *Estimator {
	t.Helper()
	e := New(Options{Counter: counter})
	if err := e.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	return e
}

func text(s string) Text { return Text{JSON: []byte(s), Escaped: strings.Contains(s, `\`)} }

func chat(model string, messages ...Message) *Prompt {
	p := &Prompt{Form: Chat, Model: model, Messages: messages}
	for _, m := range messages {
		p.Bytes += len(m.Role.JSON) + len(m.Name.JSON)
		for _, c := range m.Contents {
			p.Bytes += len(c.JSON)
		}
	}
	return p
}

func user(s string) Message { return Message{Role: text("user"), Contents: []Text{text(s)}} }

// The example of OpenAI's cookbook: 129 tokens by the API's own count for gpt-4 and
// 124 for gpt-4o.
func TestTheCookbooksExample(t *testing.T) {
	system := func(name, s string) Message {
		return Message{Role: text("system"), Name: text(name), Contents: []Text{text(s)}}
	}
	m := []Message{
		{Role: text("system"), Contents: []Text{text("You are a helpful, pattern-following assistant that translates corporate jargon into plain English.")}},
		system("example_user", "New synergies will help drive top-line growth."),
		system("example_assistant", "Things working well together will increase revenue."),
		system("example_user", "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."),
		system("example_assistant", "Let's talk later when we're less busy about how to do better."),
		user("This late pivot means we don't have time to boil the ocean for the client deliverable."),
	}
	for _, counter := range []string{"fast", "tiktoken"} {
		e := ready(t, counter)
		if n := e.Count(chat("gpt-4", m...)); n != 129 {
			t.Errorf("%s: gpt-4: %d", counter, n)
		}
		if n := e.Count(chat("gpt-4o", m...)); n != 124 {
			t.Errorf("%s: gpt-4o: %d", counter, n)
		}
	}
}

func TestBeforeLoadTheBoundStandsIn(t *testing.T) {
	e := New(Options{})
	p := chat("gpt-4o", user("hello there"))
	if e.Ready() || e.Count(p) != e.Bound(p) {
		t.Fatal("not the bound")
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`a\nb`: "a\nb", `\u00e9`: "é", `\ud83d\ude42`: "🙂", `\ud83d`: "\ufffd", `\ud83dx`: "\ufffdx", `\"\\\/`: `"\/`, `\u12`: "\ufffd12", `\`: `\`,
	} {
		if got := string(unescape(nil, []byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestToolsAndImages(t *testing.T) {
	e := ready(t, "fast")
	plain := chat("gpt-4o", user("hi"))
	withTools := chat("gpt-4o", user("hi"))
	withTools.Tools = []byte(`[{"type":"function","function":{"name":"get_weather","description":"Get the weather.","parameters":{"type":"object","properties":{"city":{"type":"string","description":"The city."},"unit":{"type":"string","enum":["c","f"]}}}}}]`)
	if d := e.Count(withTools) - e.Count(plain); d < 30 || d > 70 {
		t.Errorf("tools cost %d", d)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1024, 1024))); err != nil {
		t.Fatal(err)
	}
	url := "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())
	for _, c := range []struct {
		img  Image
		want int64
	}{{Image{URL: text(url)}, 765}, {Image{URL: text(url), Detail: "low"}, 85}, {Image{URL: text("https://example.com/a.png")}, 1105}, {Image{URL: text("data:image/png;base64,AAAA")}, 1105}, {Image{URL: text(strings.ReplaceAll(url, "/", `\/`))}, 765}} {
		p := chat("gpt-4o", user("hi"))
		p.Images = []Image{c.img}
		if d := e.Count(p) - e.Count(plain); d != c.want {
			t.Errorf("a picture costs %d, want %d", d, c.want)
		}
	}
}

func TestStrangeContentNeverPanics(t *testing.T) {
	e := ready(t, "fast")
	for _, tools := range []string{"", "null", "[1]", `[{"function":null}]`, `[{"function":{"parameters":{"properties":[]}}}]`, `[{"function":{"name":"a","parameters":{"properties":{"x":{"properties":{"y":{}}}}}}}]`, "{", "\xff"} {
		p := chat("", user(`\u`), user("\xff\xfe"), Message{})
		p.Tools, p.ResponseFormat = []byte(tools), []byte(tools)
		p.Images = []Image{{}, {URL: text("data:;base64,")}, {URL: text("data:image/png;base64,iVBORw0KGgo=")}}
		if e.Count(p) < 0 || e.Bound(p) < 0 {
			t.Fatal("below zero")
		}
	}
}

func TestAnUnknownCounterIsRefused(t *testing.T) {
	if err := New(Options{Counter: "guess"}).Load(context.Background()); err == nil {
		t.Fatal("no error")
	}
}

func TestEscapedTextCountsAsWhatItSays(t *testing.T) {
	e := ready(t, "fast")
	long := strings.Repeat("line of \"text\"\n\tand é 🙂\n", 30)
	plain, escaped := chat("gpt-4o", Message{Contents: []Text{{JSON: []byte(long)}}}), chat("gpt-4o", user(""))
	q, err := json.Marshal(long)
	if err != nil {
		t.Fatal(err)
	}
	escaped.Messages[0] = Message{Contents: []Text{text(string(q[1 : len(q)-1]))}}
	for range 2 { // and from the cache
		if a, b := e.Count(plain), e.Count(escaped); a != b {
			t.Fatalf("%d tokens, escaped %d", a, b)
		}
	}
}

func TestInputsOfEveryForm(t *testing.T) {
	e := ready(t, "fast")
	p := &Prompt{Form: Embedding, Model: "text-embedding-3-small", Inputs: []Text{text("hello world"), text("안녕하세요")}, TokenIDs: 3}
	if n := e.Count(p); n != 2+5+3 {
		t.Errorf("%d tokens", n)
	}
	p.Form = Completion
	if n := e.Count(p); n != 2+5+3 {
		t.Errorf("%d tokens", n)
	}
}

func TestNestedParametersCountAsTheirJSON(t *testing.T) {
	e := ready(t, "fast")
	tools := func(parameters string) int64 {
		p := chat("gpt-4o")
		p.Tools = []byte(`[{"type":"function","function":{"name":"f","parameters":` + parameters + `}}]`)
		return e.Count(p)
	}
	nested := `{"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{"b":{"type":"string"}}}}}}`
	spaced := strings.NewReplacer(":", " :\n ", ",", " ,\n\t").Replace(nested)
	if a, b := tools(nested), tools(spaced); a != b || a < 30 {
		t.Errorf("%d tokens, with white space %d", a, b)
	}
	if n := tools(`{"properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]}}}`); n < 25 {
		t.Errorf("anyOf is left out: %d", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	e := New(Options{})
	p := chat("gpt-4o", user(strings.Repeat(`some \n words `, 40)), user("안녕"))
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.Load(context.Background()) })
	for i := range 4 {
		wg.Go(func() {
			for range 200 {
				model := "m" + string(rune('0'+i%2))
				in := e.Input("r", model, p, true)
				e.Output("r", model, 0, 1)
				e.CountOutput(model, []byte("some output"))
				e.Learn("r", model, in, in*2, 1, 10)
			}
		})
	}
	wg.Wait()
}

func TestEncodingOfAModel(t *testing.T) {
	for model, want := range map[string]encodingName{
		"gpt-5-mini": o200k, "gpt-4o-mini": o200k, "openai/gpt-4o": o200k, "gpt-4.1": o200k, "gpt-4-turbo": cl100k, "gpt-4": cl100k,
		"gpt-3.5-turbo": cl100k, "gpt-35-turbo-16k": cl100k, "ft:gpt-4o:x": o200k, "ft:gpt-4:x": cl100k, "text-embedding-3-small": cl100k,
		"qwen3-max": o200k, "": o200k, "o3-mini": o200k,
	} {
		if got := familyOf(families(), model).encoding; got != want {
			t.Errorf("%s: %v", model, got)
		}
	}
}

func TestAGrowingConversationIsCountedOnce(t *testing.T) {
	e := ready(t, "fast")
	long := strings.Repeat("a sentence of the conversation. ", 40)
	p := chat("gpt-4o", user(long))
	want := e.Count(p)
	spy := &countingCounter{counter: (*e.counters.Load())[o200k]}
	e.counters.Store(&[encodings]counter{spy, spy})
	if got := e.Count(p); got != want || spy.bytes > 10 {
		t.Fatalf("counted %d bytes again, %d tokens, want %d", spy.bytes, got, want)
	}
}

type countingCounter struct {
	counter
	bytes int
}

func (c *countingCounter) count(s []byte) int {
	c.bytes += len(s)
	return c.counter.count(s)
}

func TestOutput(t *testing.T) {
	e := New(Options{})
	if out, most := e.Output("r", "m", 0, 2); out != 2*firstOutput || most != 0 {
		t.Fatal(out, most)
	}
	if out, most := e.Output("r", "m", 100, 3); out != 300 || most != 300 {
		t.Fatal(out, most)
	}
	for i := range 100 {
		e.Learn("r", "m", 0, 0, 1, int64(i+1))
	}
	if out, _ := e.Output("r", "m", 0, 1); out < 85 || out > 100 {
		t.Fatalf("the 90th percentile of 1…100 is told as %d", out)
	}
	if out, most := e.Output("r", "m", 10, 1); out != 10 || most != 10 {
		t.Fatal(out, most)
	}
	if out, _ := e.Output("other", "m", 0, 1); out != firstOutput {
		t.Fatal("routes are not apart")
	}
}

func BenchmarkEstimate(b *testing.B) {
	e := ready(b, "fast")
	p := chat("gpt-4o", user(samples()["English"]), user(samples()["code"]))
	b.Run("bound", func(b *testing.B) {
		for b.Loop() {
			e.Bound(p)
		}
	})
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			e.Count(p)
		}
	})
}
