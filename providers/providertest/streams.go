package providertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sluice-gateway/sluice/providers"
)

// maxEvents ends a transcript that would not end.
const maxEvents = 10_000

// Transcript writes down everything that a stream says, one line for each event, and
// the error that ends it unless it ends well.
func Transcript(s providers.Stream) []string {
	var out []string
	for range maxEvents {
		e, err := s.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			return append(out, "error: "+err.Error())
		}
		out = append(out, Describe(e))
	}
	return append(out, "endless")
}

// Describe writes down one event.
func Describe(e providers.Event) string {
	var b strings.Builder
	switch {
	case e.Failure != nil:
		fmt.Fprintf(&b, "failure: %s %d %s", e.Failure.Kind, e.Failure.Status, e.Failure.Message)
	case e.Done:
		b.WriteString("done")
	case e.Comment:
		b.WriteString("comment")
	default:
		b.Write(e.Data)
	}
	if len(e.Text) > 0 {
		fmt.Fprintf(&b, " | text %q", e.Text)
	}
	if e.Finish != "" {
		b.WriteString(" | finish " + e.Finish)
	}
	if e.Usage != nil {
		fmt.Fprintf(&b, " | usage %+v", *e.Usage)
		if e.UsageOnly {
			b.WriteString(" only")
		}
	}
	return b.String()
}

func (s *Suite) transcript(t testing.TB, preset string, r io.Reader) []string {
	return Transcript(s.New(t, preset).Stream(r))
}

func (s *Suite) streams(t *testing.T) {
	n := s.fixtures(t, "streams", ".sse", func(t *testing.T, preset, name string, data []byte) {
		golden, err := fs.ReadFile(s.Fixtures, strings.TrimSuffix(name, ".sse")+".golden")
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(s.transcript(t, preset, bytes.NewReader(data)), "\n") + "\n"
		if got != string(golden) {
			t.Errorf("the transcript is\n%s\nnot\n%s", got, golden)
		}
	})
	if n == 0 {
		t.Error("there are no fixtures of streams")
	}
}

// splits: a stream says the same wherever its bytes are split.
func (s *Suite) splits(t *testing.T) {
	s.fixtures(t, "streams", ".sse", func(t *testing.T, preset, _ string, data []byte) {
		d := s.New(t, preset)
		want := Transcript(d.Stream(bytes.NewReader(data)))
		for i := range data {
			r := io.MultiReader(bytes.NewReader(data[:i]), bytes.NewReader(data[i:]))
			if got := Transcript(d.Stream(r)); !slices.Equal(got, want) {
				t.Fatalf("split at byte %d it says\n%s\nnot\n%s", i, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		for name, r := range map[string]io.Reader{
			"byte by byte":               iotest.OneByteReader(bytes.NewReader(data)),
			"with the end and last data": iotest.DataErrReader(bytes.NewReader(data)),
		} {
			if got := Transcript(d.Stream(r)); !slices.Equal(got, want) {
				t.Fatalf("%s it says\n%s\nnot\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})
}

// cuts: a stream that is cut says what it would have said, up to somewhere, and is
// done only when the last event that finishes an answer has gone before.
func (s *Suite) cuts(t *testing.T) {
	s.fixtures(t, "streams", ".sse", func(t *testing.T, preset, _ string, data []byte) {
		d := s.New(t, preset)
		for i := range data {
			checkCut(t, i, d.Stream(bytes.NewReader(data[:i])))
		}
	})
}

func checkCut(t *testing.T, at int, s providers.Stream) {
	t.Helper()
	finished := false
	for range maxEvents {
		e, err := s.Next()
		switch {
		case errors.Is(err, providers.ErrTruncated):
			return
		case err != nil:
			t.Fatalf("cut at byte %d: %v", at, err)
		case e.Failure != nil:
			return
		case e.Done && !finished:
			t.Fatalf("cut at byte %d it is done, with no answer finished", at)
		case e.Done:
			if _, err := s.Next(); !errors.Is(err, io.EOF) {
				t.Fatalf("cut at byte %d, after the end: %v", at, err)
			}
			return
		}
		finished = finished || e.Finish != ""
	}
	t.Fatalf("cut at byte %d it has no end", at)
}
