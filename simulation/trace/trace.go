// Package trace reads recorded traffic: when calls came, and how many tokens they had.
//
// A recording is CSV with a header, as the Azure LLM inference traces are
// (TIMESTAMP, ContextTokens, GeneratedTokens), or JSONL with the fields of Mooncake's
// (timestamp, input_length, output_length, hash_ids); the first byte tells which. Both
// may also say model, priority, client and max_tokens.
//
// A row that cannot be used is left out, counted and, the first of them, kept with its
// line and the reason: recordings are long and seldom clean. What concerns the whole
// file is an error: a missing column, no usable row, too many calls.
//
// Lines are bounded and calls are counted, so a file of any size takes a bounded amount
// of memory. Nothing here is kept between two reads.
package trace

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// MaxProblems is how many problems a Trace keeps; the others are only counted.
	MaxProblems = 20

	// defaultMaxCalls is for Options that do not say.
	defaultMaxCalls = 5_000_000
	defaultMaxNames = 1 << 30
	// maxLine is the length of a line, without its end, in bytes.
	maxLine = 1 << 20
	// maxTokens is far above what any call has.
	maxTokens = 100_000_000
	// maxName is the length of a name in bytes. Five million of them are kept at most.
	maxName = 256
	// maxMoment is in the year 2261: moments are positive and their differences fit.
	maxMoment = 9_200_000_000 * time.Second
)

// Call is one recorded request.
type Call struct {
	// At is when it came, since the first call of the trace or since Options.From.
	At time.Duration
	// Input is the tokens of the prompt, Output those of the answer.
	Input, Output int64
	// MaxTokens is what the caller declared; 0: nothing.
	MaxTokens int64
	// Model is what it asked for; empty: not told.
	Model string
	// Priority is critical, high, normal or low; empty: not told.
	Priority string
	// Client is who called; empty: not told.
	Client string
	// Session is the hash of the first block of its prompt, the first of Mooncake's
	// hash_ids: calls that share it begin alike. Empty: not told.
	Session string
}

// Problem is a row that could not be used.
type Problem struct {
	// Line is its number in the file, from 1.
	Line int
	// Reason says in plain words what is wrong with it.
	Reason string
}

// Trace is what was read, in order of time.
type Trace struct {
	// Calls are at least one; those of one moment are in the order of the file.
	Calls []Call
	// Problems are the first MaxProblems rows that could not be used.
	Problems []Problem
	// Skipped is the number of all rows that could not be used, in the window or not.
	Skipped int
	// Sorted tells that the rows were not in order of time and have been sorted.
	Sorted bool
}

// Options say how much of a recording is wanted.
type Options struct {
	// MaxCalls is the number of calls up to the end of the window; beyond it, reading
	// stops with an error. Zero: 5,000,000.
	MaxCalls int
	// MaxNames bounds the bytes of all different names of models, clients and sessions;
	// beyond it, reading stops with an error. Zero: 1 GiB.
	MaxNames int
	// From is where the window begins, since the first call of the trace. Zero: there.
	From time.Duration
	// Length is how long the window is. Zero: to the end of the trace.
	Length time.Duration
}

// Read reads a recording to its end. It is JSONL if its first byte that is not space is
// a brace, otherwise CSV.
func Read(r io.Reader, o Options) (*Trace, error) {
	if o.MaxCalls < 0 || o.MaxNames < 0 || o.From < 0 || o.Length < 0 {
		return nil, errors.New("MaxCalls, MaxNames, From and Length must not be negative")
	}
	if o.MaxNames == 0 {
		o.MaxNames = defaultMaxNames
	}
	if o.MaxCalls == 0 {
		o.MaxCalls = defaultMaxCalls
	}
	in := &lines{r: bufio.NewReaderSize(r, maxLine+len("\r\n"))}
	first, err := in.start()
	if err == io.EOF {
		return nil, errors.New("the trace is empty")
	}
	if err != nil {
		return nil, err
	}
	parse := parseObject
	if first != '{' {
		t, err := readHeader(in)
		if err != nil {
			return nil, err
		}
		parse = t.parse
	}
	g := gathering{options: o, names: map[string]string{}}
	for {
		line, err := in.next()
		if err == io.EOF {
			return g.finish()
		}
		var c Call
		if err == nil {
			c, err = parse(line)
		} else if err != errLong {
			return nil, err
		}
		if err != nil {
			g.skip(in.n, err)
		} else if err := g.add(c); err != nil {
			return nil, fmt.Errorf("line %d: %w", in.n, err)
		}
	}
}

// gathering is a trace that is being read. The At of its calls is the moment that the
// file says, in nanoseconds since whatever the file counts from.
type gathering struct {
	Trace
	options     Options
	seen        bool
	first, last time.Duration // the earliest and the latest moment seen
	previous    time.Duration
	names       map[string]string // one copy of each name
	named       int               // their bytes
}

func (g *gathering) skip(line int, why error) {
	g.Skipped++
	if len(g.Problems) < MaxProblems {
		g.Problems = append(g.Problems, Problem{Line: line, Reason: why.Error()})
	}
}

func (g *gathering) add(c Call) error {
	if !g.seen {
		g.seen, g.first, g.last, g.previous = true, c.At, c.At, c.At
	}
	g.first, g.last = min(g.first, c.At), max(g.last, c.At)
	g.Sorted = g.Sorted || c.At < g.previous
	g.previous = c.At
	// An earlier call may still turn up and move the window, but only to an earlier
	// time: what is beyond its end now stays so.
	if g.isBeyond(c.At) {
		return nil
	}
	if len(g.Calls) == g.options.MaxCalls {
		return fmt.Errorf("the trace has more than %d calls", g.options.MaxCalls)
	}
	c.Model, c.Client, c.Session = g.name(c.Model), g.name(c.Client), g.name(c.Session)
	if g.named > g.options.MaxNames {
		return fmt.Errorf("the different names of models, clients and sessions take more than %d bytes", g.options.MaxNames)
	}
	g.Calls = append(g.Calls, c)
	return nil
}

func (g *gathering) isBeyond(at time.Duration) bool {
	return g.options.Length > 0 && at-g.first-g.options.From >= g.options.Length
}

// name answers a copy of s that does not keep the line it was found in.
func (g *gathering) name(s string) string {
	if s == "" {
		return ""
	}
	kept, ok := g.names[s]
	if !ok {
		kept = strings.Clone(s)
		g.names[kept] = kept
		g.named += len(kept)
	}
	return kept
}

func (g *gathering) finish() (*Trace, error) {
	if !g.seen {
		if g.Skipped == 0 {
			return nil, errors.New("the trace has no rows")
		}
		p := g.Problems[0]
		return nil, fmt.Errorf("the trace has no usable row: %d left out, the first at line %d: %s", g.Skipped, p.Line, p.Reason)
	}
	if g.Sorted {
		slices.SortStableFunc(g.Calls, func(a, b Call) int { return cmp.Compare(a.At, b.At) })
	}
	begin := 0
	for begin < len(g.Calls) && g.Calls[begin].At-g.first < g.options.From {
		begin++
	}
	end := len(g.Calls)
	for end > begin && g.isBeyond(g.Calls[end-1].At) {
		end--
	}
	if begin == end {
		return nil, fmt.Errorf("the trace has no call in the window from %v: it is %v long", g.options.From, g.last-g.first)
	}
	g.Calls = g.Calls[begin:end]
	for i := range g.Calls {
		g.Calls[i].At -= g.first
		g.Calls[i].At -= g.options.From
	}
	t := g.Trace // without the rest of what reading took
	return &t, nil
}

// errLong is the problem of a line that is not looked at.
var errLong = errors.New("the line is longer than 1 MiB")

// lines reads lines of bounded length.
type lines struct {
	r *bufio.Reader
	n int // the number of the last line
}

// start passes a byte order mark and white space, and answers the byte that follows.
func (l *lines) start() (byte, error) {
	const mark = "\uFEFF"
	if b, _ := l.r.Peek(len(mark)); string(b) == mark { // the next read tells an error
		_, _ = l.r.Discard(len(mark))
	}
	for {
		b, err := l.r.ReadByte()
		switch {
		case err != nil:
			return 0, l.failed(err)
		case b == '\n':
			l.n++
		case b != ' ' && b != '\t' && b != '\r':
			return b, l.r.UnreadByte()
		}
	}
}

// next answers the next line that is not blank, until the next call; errLong for a line
// that is too long, io.EOF at the end.
func (l *lines) next() ([]byte, error) {
	for {
		line, err := l.r.ReadSlice('\n')
		if len(line) == 0 && err != nil {
			return nil, l.failed(err)
		}
		long := err == bufio.ErrBufferFull
		for err == bufio.ErrBufferFull {
			_, err = l.r.ReadSlice('\n')
		}
		if err != nil && err != io.EOF {
			return nil, l.failed(err)
		}
		l.n++
		if long || len(bytes.TrimRight(line, "\r\n")) > maxLine {
			return nil, errLong
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

// failed says where reading failed.
func (l *lines) failed(err error) error {
	if err == io.EOF {
		return err
	}
	return fmt.Errorf("reading line %d: %w", l.n+1, err)
}

// tokens reads a number of tokens. Whole numbers may have a fraction of zero, as
// they have in files that were written by way of floats.
func tokens(field, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f, err := number(field, text)
		if err != nil {
			return 0, err
		}
		if f > maxTokens {
			n = maxTokens + 1
		} else if n = int64(f); float64(n) != f {
			return 0, fmt.Errorf("%s is not a whole number: %s", field, quote(text))
		}
	}
	if n < 0 {
		return 0, fmt.Errorf("%s is negative: %s", field, quote(text))
	}
	if n > maxTokens {
		return 0, fmt.Errorf("%s is above %d: %s", field, maxTokens, quote(text))
	}
	return n, nil
}

// number reads a decimal number that is not negative; one too large is infinity.
func number(field, text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case text == "":
		return 0, fmt.Errorf("%s is missing", field)
	case err != nil && !errors.Is(err, strconv.ErrRange), f != f, strings.ContainsAny(text, "xX_nN"):
		return 0, fmt.Errorf("%s is not a number: %s", field, quote(text))
	case f < 0:
		return 0, fmt.Errorf("%s is negative: %s", field, quote(text))
	}
	return f, nil
}

// elapsed reads a moment that is told as a number of units.
func elapsed(field, text string, unit time.Duration) (time.Duration, error) {
	f, err := number(field, text)
	if err != nil {
		return 0, err
	}
	if f > float64(maxMoment/unit) {
		return 0, fmt.Errorf("%s is too large: %s", field, quote(text))
	}
	whole, part := math.Modf(f)
	return time.Duration(whole)*unit + time.Duration(math.Round(part*float64(unit))), nil
}

// priority reads a class; empty is none.
func priority(field, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	for _, known := range [...]string{"critical", "high", "normal", "low"} {
		if strings.EqualFold(text, known) {
			return known, nil
		}
	}
	return "", fmt.Errorf("%s is not critical, high, normal or low: %s", field, quote(text))
}

// name refuses what could not be a label later.
func name(field, text string) (string, error) {
	if len(text) > maxName {
		return "", fmt.Errorf("%s is longer than %d bytes", field, maxName)
	}
	if !utf8.ValidString(text) {
		return "", fmt.Errorf("%s is not UTF-8", field)
	}
	return text, nil
}

// quote shows a value that may be anything.
func quote(text string) string {
	const most = 40
	if len(text) > most {
		return strconv.Quote(text[:most]) + "..."
	}
	return strconv.Quote(text)
}
