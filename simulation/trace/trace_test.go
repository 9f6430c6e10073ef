package trace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const (
	s  = time.Second
	ms = time.Millisecond
	us = time.Microsecond
)

func read(t *testing.T, text string, o Options) *Trace {
	t.Helper()
	got, err := Read(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// refuse wants an error that has all of words.
func refuse(t *testing.T, text string, o Options, words ...string) {
	t.Helper()
	got, err := Read(strings.NewReader(text), o)
	if err == nil {
		t.Fatalf("accepted: %+v", got)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if len(err.Error()) > 1500 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}

func moments(calls []Call) []time.Duration {
	var all []time.Duration
	for _, c := range calls {
		all = append(all, c.At)
	}
	return all
}

func TestEmpty(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "space": " \r\n\n\t", "mark": "\uFEFF\n"} {
		t.Run(name, func(t *testing.T) { refuse(t, text, Options{}, "empty") })
	}
	t.Run("header", func(t *testing.T) { refuse(t, header, Options{}, "no rows") })
	t.Run("csv", func(t *testing.T) { refuse(t, header+"1,2\n", Options{}, "no usable row", "line 2", "2 fields") })
	t.Run("jsonl", func(t *testing.T) {
		refuse(t, "{}\n{}", Options{}, "no usable row", "2 left out", "line 1", "timestamp")
	})
}

func TestOrder(t *testing.T) {
	got := read(t, header+"5,1,0\n3,2,0\n5,3,0\n3,4,0\n4,5,0\n", Options{})
	var order []int64
	for _, c := range got.Calls {
		order = append(order, c.Input)
	}
	if !got.Sorted || !slices.Equal(order, []int64{2, 4, 5, 1, 3}) {
		t.Errorf("sorted %v: %v", got.Sorted, order)
	}
	if at := moments(got.Calls); !slices.Equal(at, []time.Duration{0, 0, s, 2 * s, 2 * s}) {
		t.Errorf("moments %v", at)
	}
	if read(t, header+"3,1,0\n3,2,0\n4,3,0\n", Options{}).Sorted {
		t.Error("rows in order were sorted")
	}
	// The order of rows that are left out means nothing.
	if read(t, header+"3,1,0\n1,x,0\n4,3,0\n", Options{}).Sorted {
		t.Error("rows in order were sorted")
	}
}

func TestWindow(t *testing.T) {
	const ordered = header + "10,1,0\n11,1,0\n12,1,0\n13,1,0\n"
	const mixed = header + "13,1,0\n12,1,0\n10,1,0\n11,1,0\n"
	for _, c := range []struct {
		from, length time.Duration
		want         []time.Duration
	}{
		{0, 0, []time.Duration{0, s, 2 * s, 3 * s}},
		{0, s, []time.Duration{0}},
		{0, s + 1, []time.Duration{0, s}},
		{s, 0, []time.Duration{0, s, 2 * s}},
		{s, 2 * s, []time.Duration{0, s}},
		{ms, s, []time.Duration{s - ms}},
		{3 * s, 1<<63 - 1, []time.Duration{0}},
		{0, 1<<63 - 1, []time.Duration{0, s, 2 * s, 3 * s}},
	} {
		for name, text := range map[string]string{"ordered": ordered, "mixed": mixed} {
			got := read(t, text, Options{From: c.from, Length: c.length})
			if at := moments(got.Calls); !slices.Equal(at, c.want) {
				t.Errorf("%s, from %v for %v: %v, want %v", name, c.from, c.length, at, c.want)
			}
		}
	}
	refuse(t, ordered, Options{From: 4 * s}, "no call in the window", "4s", "3s long")
	refuse(t, ordered, Options{From: ms, Length: ms}, "no call in the window")
	refuse(t, ordered, Options{From: 1<<63 - 1, Length: 1<<63 - 1}, "no call in the window")
}

func TestOptions(t *testing.T) {
	const text = header + "10,1,0\n11,1,0\n12,1,0\nx,1,0\n"
	if got := read(t, text, Options{MaxCalls: 3}); len(got.Calls) != 3 {
		t.Errorf("%d calls", len(got.Calls))
	}
	refuse(t, text, Options{MaxCalls: 2}, "line 4", "more than 2 calls")
	// What lies beyond the window is not kept, so it does not count.
	if got := read(t, text, Options{MaxCalls: 2, Length: 2 * s}); len(got.Calls) != 2 {
		t.Errorf("%d calls", len(got.Calls))
	}
	named := `{"timestamp":1,"input_length":1,"output_length":1,"client":"abcd"}` + "\n"
	if got := read(t, named+named, Options{MaxNames: 4}); len(got.Calls) != 2 {
		t.Errorf("a name that comes again counts again: %d calls", len(got.Calls))
	}
	refuse(t, named+strings.Replace(named, "abcd", "e", 1), Options{MaxNames: 4}, "line 2", "more than 4 bytes")
	for _, o := range []Options{{MaxCalls: -1}, {MaxNames: -1}, {From: -1}, {Length: -1}} {
		refuse(t, text, o, "negative")
	}
}

func TestProblemsAreBounded(t *testing.T) {
	got := read(t, header+"1,1,1\n"+strings.Repeat("x,1,1\n", 1000)+"2,1,1", Options{})
	if len(got.Calls) != 2 || got.Skipped != 1000 || len(got.Problems) != MaxProblems {
		t.Fatalf("%d calls, %d skipped, %d problems", len(got.Calls), got.Skipped, len(got.Problems))
	}
	if p := got.Problems[MaxProblems-1]; p.Line != MaxProblems+2 {
		t.Errorf("the last problem is at line %d", p.Line)
	}
}

func TestLongLines(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	t.Run("csv", func(t *testing.T) {
		row := "1,1,1,"
		for _, end := range []string{"\n", "\r\n"} {
			text := "Timestamp,ContextTokens,GeneratedTokens,Text" + end +
				row + long(maxLine-len(row)) + end +
				row + long(maxLine-len(row)+1) + end +
				row + long(4*maxLine) + end +
				"\n" + row + "a" + end +
				row + long(2*maxLine)
			got := read(t, text, Options{})
			if len(got.Calls) != 2 || got.Skipped != 3 {
				t.Fatalf("%d calls, %d skipped", len(got.Calls), got.Skipped)
			}
			for i, line := range []int{3, 4, 7} {
				if p := got.Problems[i]; p.Line != line || !strings.Contains(p.Reason, "longer than 1 MiB") {
					t.Errorf("problem %+v, want line %d", p, line)
				}
			}
		}
		refuse(t, long(maxLine+1)+"\n1,1,1", Options{}, "header", "longer than 1 MiB")
		refuse(t, long(maxLine)+"\n1,1,1", Options{}, "no column")
		refuse(t, strings.Repeat(",", maxLine), Options{}, "no column")
		refuse(t, header+`1,1,"`+strings.Repeat(`""`, maxLine/2-10), Options{}, "quote is not closed")
	})
	t.Run("jsonl", func(t *testing.T) {
		got := read(t, `{"model": "`+long(maxLine)+"\"}\n"+`{"timestamp":1,"input_length":2,"output_length":3}`, Options{})
		if len(got.Calls) != 1 || got.Skipped != 1 || got.Problems[0].Line != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestReadErrors(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, text := range []string{"", "a", header, header + "1,1,1\n", header + "1,1,1\n2,", header + strings.Repeat("a", 3*maxLine), "{}\n"} {
		_, err := Read(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), Options{})
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "line") {
			t.Errorf("after %d bytes: %v", len(text), err)
		}
	}
}

// How the bytes arrive does not matter.
func TestPieces(t *testing.T) {
	text := "\uFEFF\r\n " + strings.ReplaceAll(header+"1,2,3\n\n2,x,4\n2,3,4", "\n", "\r\n")
	want := read(t, text, Options{})
	if len(want.Calls) != 2 || want.Problems[0].Line != 5 {
		t.Fatalf("%+v", want)
	}
	for name, r := range map[string]io.Reader{
		"bytes": iotest.OneByteReader(strings.NewReader(text)),
		"eof":   iotest.DataErrReader(strings.NewReader(text)),
	} {
		got, err := Read(r, Options{})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// sample is as long as the hour of the Azure trace of 2023.
func sample(row func(b *bytes.Buffer, n int, at time.Duration, rnd *rand.Rand)) []byte {
	var b bytes.Buffer
	rnd := rand.New(rand.NewPCG(1, 2))
	at := time.Duration(0)
	for n := range 19_366 {
		at += time.Duration(rnd.ExpFloat64() * float64(180*ms))
		row(&b, n, at, rnd)
	}
	return b.Bytes()
}

func BenchmarkCSV(b *testing.B) {
	start := time.Date(2023, 11, 16, 18, 15, 46, 0, time.UTC)
	text := slices.Concat([]byte("TIMESTAMP,ContextTokens,GeneratedTokens\r\n"),
		sample(func(b *bytes.Buffer, _ int, at time.Duration, rnd *rand.Rand) {
			fmt.Fprintf(b, "%s,%d,%d\r\n", start.Add(at).Format("2006-01-02 15:04:05.0000000"), 1+rnd.IntN(4000), 1+rnd.IntN(500))
		}))
	benchmark(b, text)
}

func BenchmarkJSONL(b *testing.B) {
	text := sample(func(b *bytes.Buffer, n int, at time.Duration, rnd *rand.Rand) {
		fmt.Fprintf(b, `{"timestamp": %d, "input_length": %d, "output_length": %d, "hash_ids": [%d`, at.Milliseconds(), 1+rnd.IntN(9000), 1+rnd.IntN(500), n%500)
		for i := range rnd.IntN(30) {
			fmt.Fprintf(b, ", %d", n*30+i)
		}
		b.WriteString("]}\n")
	})
	benchmark(b, text)
}

func benchmark(b *testing.B, text []byte) {
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		got, err := Read(bytes.NewReader(text), Options{})
		if err != nil || got.Skipped > 0 {
			b.Fatal(err, got.Problems)
		}
	}
}
