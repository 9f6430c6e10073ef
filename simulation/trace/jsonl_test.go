package trace

import (
	"reflect"
	"strings"
	"testing"
)

func TestJSONL(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []Call
	}{
		{"mooncake", `{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47, 48]}
{"timestamp": 30535, "input_length": 6472, "output_length": 26, "hash_ids": [46, 47, 2353]}
`, []Call{{Input: 6955, Output: 52, Session: "46"}, {At: 3053 * ms, Input: 6472, Output: 26, Session: "46"}}},
		{"mark, space, CRLF", "\uFEFF\r\n  {\"timestamp\":0.25,\"input_length\":1,\"output_length\":2}\r\n\r\n",
			[]Call{{Input: 1, Output: 2}}},
		{"the rest", `{"timestamp":0,"input_length":1,"output_length":2,"model":"m","priority":"LOW","client":"amy","max_tokens":64,"text":{"a":[1]}}
{"output_length":4.0,"input_length":"3","timestamp":0.25,"model":null,"priority":"","client":null,"max_tokens":null,"hash_ids":null}`,
			[]Call{{Input: 1, Output: 2, MaxTokens: 64, Model: "m", Priority: "low", Client: "amy"}, {At: 250 * us, Input: 3, Output: 4}}},
		{"hash ids", `{"timestamp":0,"input_length":1,"output_length":1,"hash_ids":[]}
{"timestamp":0,"input_length":2,"output_length":1,"hash_ids": [ 18446744073709551615 ,2]}
{"timestamp":0,"input_length":3,"output_length":1,"hash_ids":["a\u00e9\",b", 1]}
{"timestamp":0,"input_length":4,"output_length":1,"hash_ids":[7]}`,
			[]Call{{Input: 1, Output: 1}, {Input: 2, Output: 1, Session: "18446744073709551615"},
				{Input: 3, Output: 1, Session: "aé\",b"}, {Input: 4, Output: 1, Session: "7"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := read(t, c.text, Options{})
			if !reflect.DeepEqual(got, &Trace{Calls: c.want}) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestBrokenObjects(t *testing.T) {
	const good = `"timestamp":1000,"input_length":2,"output_length":3`
	for _, c := range []struct{ row, reason string }{
		{`{`, "not JSON"},
		{`{` + good + `} x`, "not JSON"},
		{`1,2,3`, "not JSON"},
		{`[1]`, "not a JSON object"},
		{`"a"`, "not a JSON object"},
		{`null`, "timestamp is missing"},
		{`{"input_length":2,"output_length":3}`, "timestamp is missing"},
		{`{"timestamp":-1,"input_length":2,"output_length":3}`, "timestamp is negative"},
		{`{"timestamp":1e300,"input_length":2,"output_length":3}`, "timestamp is too large"},
		{`{"timestamp":9300000000000,"input_length":2,"output_length":3}`, "timestamp is too large"},
		{`{"timestamp":"noon","input_length":2,"output_length":3}`, `timestamp is not a number: "noon"`},
		{`{"timestamp":1,"output_length":3}`, "input_length is missing"},
		{`{"timestamp":1,"input_length":null,"output_length":3}`, "input_length is missing"},
		{`{"timestamp":1,"input_length":2.5,"output_length":3}`, "input_length is not a whole number"},
		{`{"timestamp":1,"input_length":true,"output_length":3}`, "input_length is not a number"},
		{`{"timestamp":1,"input_length":[2],"output_length":3}`, "input_length is not a number"},
		{`{"timestamp":1,"input_length":NaN,"output_length":3}`, "not JSON"},
		{`{"timestamp":1,"input_length":2,"output_length":100000001}`, "output_length is above"},
		{`{"timestamp":1,"input_length":2}`, "output_length is missing"},
		{`{` + good + `,"max_tokens":-1}`, "max_tokens is negative"},
		{`{` + good + `,"model":5}`, "model is not text"},
		{`{` + good + `,"model":"` + strings.Repeat("m", 257) + `"}`, "model is longer"},
		{`{` + good + `,"client":"` + strings.Repeat("m", 257) + `"}`, "client is longer"},
		{`{` + good + `,"priority":"urgent"}`, "priority is not critical"},
		{`{` + good + `,"hash_ids":5}`, "hash_ids is not a list"},
		{`{` + good + `,"hash_ids":[{"a":1}]}`, "hash_ids does not begin"},
		{`{` + good + `,"hash_ids":[` + strings.Repeat("1", 257) + `]}`, "hash_ids is longer"},
		{`{"timestamp":"` + strings.Repeat("x", 5000) + `"}`, "timestamp is not a number"},
		{strings.Repeat(`{"a":`, 20_000), "not JSON"},
	} {
		text := "{" + good + "}\n" + c.row + "\n{" + good + "}\n"
		got := read(t, text, Options{})
		want := []Call{{Input: 2, Output: 3}, {Input: 2, Output: 3}}
		if !reflect.DeepEqual(got.Calls, want) || got.Skipped != 1 || len(got.Problems) != 1 {
			t.Errorf("%.60s: %+v", c.row, got)
			continue
		}
		if p := got.Problems[0]; p.Line != 2 || !strings.Contains(p.Reason, c.reason) || len(p.Reason) > 200 {
			t.Errorf("%.60s: %+v, want %q", c.row, p, c.reason)
		}
	}
}

func FuzzJSONL(f *testing.F) {
	for _, text := range []string{
		`{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}` + "\n" +
			`{"timestamp": 27481.5, "input_length": "6955", "output_length": 52.0, "hash_ids": ["a"]}`,
		`{"timestamp":0,"input_length":1,"output_length":2,"model":"m","priority":"LOW","client":"amy","max_tokens":64}`,
		"{}\n[]\nnull\n{\"timestamp\":1e999}\n",
		`{"timestamp":1,"input_length":1e8,"output_length":-0,"hash_ids":[]}` + "\n" + `{"hash_ids":[[1]]}`,
	} {
		f.Add(text, int64(0), int64(s))
		f.Add(text, int64(ms), int64(0))
	}
	f.Fuzz(func(t *testing.T, text string, from, length int64) {
		check(t, "{"+text, from, length)
		check(t, text, from, length)
	})
}
