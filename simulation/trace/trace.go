package trace

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"
)

type Call struct {
	At        time.Duration
	Input     int64
	Output    int64
	MaxTokens int64
	Model     string
	Priority  string
	Client    string
	Session   string
}
type Problem struct {
	Line   int
	Reason string
}
type Trace struct {
	Calls    []Call
	Problems []Problem
	Skipped  int
	Sorted   bool
}
type Options struct {
	MaxCalls     int
	From, Length time.Duration
}

func Read(r io.Reader, o Options) (*Trace, error) {
	s := bufio.NewScanner(r)
	t := &Trace{}
	var first time.Time
	for s.Scan() {
		f := strings.Split(strings.TrimSpace(s.Text()), ",")
		at, err := time.Parse("2006-01-02 15:04:05.9999999", f[0])
		if err != nil {
			continue
		}
		if first.IsZero() {
			first = at
		}
		in, _ := strconv.ParseInt(f[1], 10, 64)
		out, _ := strconv.ParseInt(f[2], 10, 64)
		t.Calls = append(t.Calls, Call{At: at.Sub(first), Input: in, Output: out})
	}
	return t, nil
}
