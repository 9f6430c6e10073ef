package trace

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

const header = "TIMESTAMP,ContextTokens,GeneratedTokens\n"

func TestCSV(t *testing.T) {
	const azure = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n" +
		"2023-11-16 18:15:46.6805900,374,44\r\n" +
		"2023-11-16 18:15:50.9951690,396,109\r\n" +
		"2023-11-16 18:15:51.2224670,879,55"
	for _, c := range []struct {
		name, text string
		want       []Call
	}{
		{"azure", azure, []Call{
			{Input: 374, Output: 44},
			{At: 4*s + 314579*us, Input: 396, Output: 109},
			{At: 4*s + 541877*us, Input: 879, Output: 55},
		}},
		{"mark", "\uFEFF" + azure[:strings.Index(azure, "2023-11-16 18:15:50")], []Call{{Input: 374, Output: 44}}},
		{"all columns, in another order", "client, Prompt ,priority,MODEL,maxtokens,GENERATEDTOKENS,timestamp,contexttokens\n" +
			"amy,hello,High,gpt-4o,100,3,7.5,2\n,,,,,4,8.5,3\n",
			[]Call{{Input: 2, Output: 3, MaxTokens: 100, Model: "gpt-4o", Priority: "high", Client: "amy"}, {At: s, Input: 3, Output: 4}}},
		{"quotes", "TIMESTAMP,\"ContextTokens\",GeneratedTokens,Model,Client,\"a\"\n" +
			`1, "2" ,"3","a ""b"", c",say "hi",` + "\n",
			[]Call{{Input: 2, Output: 3, Model: `a "b", c`, Client: `say "hi"`}}},
		{"limits", header + "0,0,0\n1,100000000,1e8\n2,374.0,+5\n",
			[]Call{{}, {At: s, Input: 1e8, Output: 1e8}, {At: 2 * s, Input: 374, Output: 5}}},
		{"blank lines", "\n \n" + header + "\n1,2,3\n\n\r\n2,3,4\n\n", []Call{{Input: 2, Output: 3}, {At: s, Input: 3, Output: 4}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := read(t, c.text, Options{})
			if !reflect.DeepEqual(got, &Trace{Calls: c.want}) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestTimestamps(t *testing.T) {
	for _, c := range []struct {
		first, second string
		want          time.Duration
	}{
		{"2023-11-16 18:15:46", "2023-11-16 18:15:47", s},
		{"2023-11-16 18:15:46.123456789", "2023-11-16 18:15:46.12345679", 1},
		{"2023-12-31 23:59:59.9", "2024-01-01 00:00:00", 100 * ms},
		{"2023-11-16T18:15:46Z", "2023-11-16T18:15:46.5Z", 500 * ms},
		{"2023-11-16T18:15:46+09:00", "2023-11-16T09:15:47Z", s},
		{"2024-05-10 00:00:00.009930+00:00", "2024-05-10 00:00:00.010000+00:00", 70 * us},
		{"2023-11-16 18:15:46", "2023-11-16T18:15:47Z", s},
		{"1700158546", "2023-11-16 18:15:47", s},
		{"0", "1e-9", 1},
		{"0", "1.5", 1500 * ms},
		{"0.1", "0.3", 200 * ms},
		{"27482", "27482.000000001", 1},
		{"1970-01-01 00:00:00", "2261-01-01 00:00:00", 106286 * 24 * time.Hour},
	} {
		got := read(t, header+c.first+",1,1\n"+c.second+",1,1\n", Options{})
		if len(got.Calls) != 2 || got.Calls[1].At != c.want {
			t.Errorf("%s, %s: %+v, want %v", c.first, c.second, got, c.want)
		}
	}
}

func TestBrokenRows(t *testing.T) {
	for _, c := range []struct{ row, reason string }{
		{"1,2,3,,,", "6 fields, the header 7"},
		{"1,2,3,,,,,", "more fields"},
		{"1", "1 fields"},
		{",2,3,,,,", "TIMESTAMP is missing"},
		{"-1,2,3,,,,", "TIMESTAMP is negative"},
		{"NaN,2,3,,,,", "TIMESTAMP is not a number"},
		{"+Inf,2,3,,,,", "TIMESTAMP is not a number"},
		{"0x1p4,2,3,,,,", "TIMESTAMP is not a number"},
		{"1e400,2,3,,,,", "TIMESTAMP is too large"},
		{"9300000000,2,3,,,,", "TIMESTAMP is too large"},
		{"yesterday,2,3,,,,", "TIMESTAMP is neither a time nor a number of seconds: \"yesterday\""},
		{"2023-11-16,2,3,,,,", "neither a time"},
		{"2023-13-16 18:15:46,2,3,,,,", "neither a time"},
		{"1969-12-31 23:59:59,2,3,,,,", "not between 1970 and 2261"},
		{"2262-01-01 00:00:00,2,3,,,,", "not between 1970 and 2261"},
		{"1,,3,,,,", "ContextTokens is missing"},
		{"1,-2,3,,,,", "ContextTokens is negative"},
		{"1,-0.5,3,,,,", "ContextTokens is negative"},
		{"1,2.5,3,,,,", "ContextTokens is not a whole number"},
		{"1,nan,3,,,,", "ContextTokens is not a number"},
		{"1,0x10,3,,,,", "ContextTokens is not a number"},
		{"1,1_000,3,,,,", "ContextTokens is not a number"},
		{"1,100000001,3,,,,", "ContextTokens is above 100000000"},
		{"1,99999999999999999999,3,,,,", "ContextTokens is above"},
		{"1,1e999,3,,,,", "ContextTokens is above"},
		{"1,-99999999999999999999,3,,,,", "ContextTokens is negative"},
		{"1,2,x,,,,", "GeneratedTokens is not a number"},
		{"1,2,3,,urgent,,", "priority is not critical, high, normal or low: \"urgent\""},
		{"1,2,3," + strings.Repeat("m", 257) + ",,,", "Model is longer than 256 bytes"},
		{"1,2,3,,,\xff,", "Client is not UTF-8"},
		{"1,2,3,,,,-1", "MaxTokens is negative"},
		{"1,2,3,,,,many", "MaxTokens is not a number"},
		{`1,2,3,"a,,,`, "quote is not closed"},
		{`1,2,3,"a"b,,,`, "text follows a closed quote"},
		{strings.Repeat("x", 1000) + ",2,3,,,,", "TIMESTAMP is neither a time nor a number of seconds: \"xxxx"},
	} {
		text := "TIMESTAMP,ContextTokens,GeneratedTokens,Model,priority,Client,MaxTokens\n1,2,3,,,,\n" + c.row + "\n2,3,4,,,,\n"
		got := read(t, text, Options{})
		want := []Call{{Input: 2, Output: 3}, {At: s, Input: 3, Output: 4}}
		if !reflect.DeepEqual(got.Calls, want) || got.Skipped != 1 || len(got.Problems) != 1 {
			t.Errorf("%.60s: %+v", c.row, got)
			continue
		}
		if p := got.Problems[0]; p.Line != 3 || !strings.Contains(p.Reason, c.reason) || len(p.Reason) > 200 {
			t.Errorf("%.60s: %+v, want %q", c.row, p, c.reason)
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		name, header string
		words        []string
	}{
		{"one missing", "time,ContextTokens,GeneratedTokens", []string{"no column TIMESTAMP:", `"time", "ContextTokens"`}},
		{"two missing", "timestamp", []string{"no column ContextTokens, GeneratedTokens:", `has "timestamp"`}},
		{"no header", "2023-11-16 18:15:46.6805900,374,44", []string{"no column", `"374"`}},
		{"semicolons", "TIMESTAMP;ContextTokens;GeneratedTokens", []string{"no column", `TIMESTAMP;`}},
		{"an array of JSON", `[{"timestamp": 1}]`, []string{"no column"}},
		{"twice", "TIMESTAMP,ContextTokens,contexttokens,GeneratedTokens", []string{"ContextTokens", "twice"}},
		{"open quote", `TIMESTAMP,"ContextTokens,GeneratedTokens`, []string{"header", "quote is not closed"}},
		{"very many", strings.Repeat("column,", 5000), []string{"no column", `"column", ...`}},
		{"binary", "\x1f\x8b\x00\xff", []string{"no column", `\x1f\x8b`}},
	} {
		t.Run(c.name, func(t *testing.T) { refuse(t, c.header+"\n1,2,3\n", Options{}, c.words...) })
	}
}

func FuzzCSV(f *testing.F) {
	for _, text := range []string{
		"", header, header + "1,2,3\n0.5,3,4\nx\n",
		"\uFEFFTIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n",
		"client,priority,MODEL,maxtokens,GENERATEDTOKENS,timestamp,contexttokens\na,High,\"m, \"\"n\"\"\",9,3,2024-05-10T00:00:00Z,2\n",
		header + "2261-01-01 00:00:00,1,1\n1970-01-01T00:00:00Z,1,1\n2024-05-10 00:00:00.009930+00:00,1e8,-1\n",
		header + "1e400,1,1\nNaN,1,1\n1,Inf,1\n9.2e9,1,1\n0,1,1",
		header + fmt.Sprint(1<<62) + ",1,1\n1,\"1\n1,1,1,1",
	} {
		f.Add(text, int64(0), int64(s))
		f.Add(text, int64(s), int64(0))
	}
	f.Fuzz(check)
}

// check: whatever a file holds, Read answers a trace in order and in range, or an
// error; and a window of it is what one would cut out.
func check(t *testing.T, text string, from, length int64) {
	got, err := Read(strings.NewReader(text), Options{})
	if err != nil {
		if got != nil || err.Error() == "" {
			t.Fatalf("%+v with error %q", got, err)
		}
		return
	}
	if len(got.Calls) == 0 || got.Calls[0].At != 0 {
		t.Fatal("the trace does not begin at 0")
	}
	if len(got.Problems) != min(got.Skipped, MaxProblems) {
		t.Fatalf("%d problems of %d", len(got.Problems), got.Skipped)
	}
	for _, p := range got.Problems {
		if p.Line < 1 || p.Line > 1+strings.Count(text, "\n") || p.Reason == "" || len(p.Reason) > 400 {
			t.Fatalf("problem %+v", p)
		}
	}
	from, length = max(from, 0), max(length, 0)
	var want []Call
	last := time.Duration(0)
	for _, c := range got.Calls {
		if c.At < last {
			t.Fatalf("%v after %v", c.At, last)
		}
		last = c.At
		for _, n := range []int64{c.Input, c.Output, c.MaxTokens} {
			if n < 0 || n > maxTokens {
				t.Fatalf("%d tokens", n)
			}
		}
		if !strings.Contains(" critical high normal low ", " "+c.Priority+" ") && c.Priority != "" {
			t.Fatalf("priority %q", c.Priority)
		}
		if len(c.Model) > maxName || len(c.Client) > maxName || len(c.Session) > maxName {
			t.Fatal("a name is too long")
		}
		if c.At -= time.Duration(from); c.At >= 0 && (length == 0 || c.At < time.Duration(length)) {
			want = append(want, c)
		}
	}
	cut, err := Read(strings.NewReader(text), Options{From: time.Duration(from), Length: time.Duration(length)})
	if err != nil {
		cut = &Trace{}
	}
	if !reflect.DeepEqual(cut.Calls, want) {
		t.Fatalf("from %d for %d: %+v %v, want %+v", from, length, cut.Calls, err, want)
	}
}
