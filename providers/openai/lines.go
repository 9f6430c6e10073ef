package openai

import (
	"bytes"
	"errors"
	"io"

	"github.com/sluice-gateway/sluice/providers"
)

// firstBuffer is the size that a stream's buffer begins with.
const firstBuffer = 8 << 10

// frame is what stands between two blank lines of a stream of server-sent events.
type frame struct {
	name []byte // of the event: line, empty without one
	data []byte // the data: lines, joined by spaces: in JSON a line break is no more
	kind frameKind
	cut  bool // the stream ended before the blank line
}

type frameKind uint8

const (
	frameData    frameKind = iota
	frameComment           // or blank lines: a sign of life
	frameForeign           // the stream is no stream of events: a page, a plain JSON body
)

// lines reads frames. Lines end in CR, LF or CRLF; a byte order mark at the
// beginning is skipped. What a frame holds is valid until the next call.
type lines struct {
	r   io.Reader
	max int // bound of one frame, in bytes

	buf        []byte
	start, end int // the frame so far is buf[start:end]
	pos        int // the next line begins here
	seen       int // no line ends before here
	err        error
	skipLF     bool // the last line ended in CR
	begun      bool // the first line has been read
	framed     bool // a field has been seen: these are events
	idle       int  // lines without data since the last frame
	joined     []byte
}

// next answers the next frame, or the error that ended the reader, again and again.
func (l *lines) next() (frame, error) {
	var f frame
	l.start = l.pos
	name, data := span{}, span{} // relative to start, for the buffer may move
	parts := 0
	for {
		line, err := l.line()
		if err != nil {
			if parts == 0 || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return f, err
			}
			f.cut = true
			line = span{}
		}
		text := l.buf[l.start+line.start : l.start+line.end]
		switch {
		case len(text) == 0 && parts > 0:
			l.idle = 0
			f.name, f.data = l.at(name), l.at(data)
			if parts > 1 {
				f.data = l.joined
			}
			return f, nil
		case len(text) == 0 || text[0] == ':':
			if l.idle++; l.idle > maxComments {
				return f, providers.ErrTooManyComments
			}
			if parts == 0 {
				return frame{kind: frameComment}, nil
			}
			continue
		case !l.framed && (text[0] == '{' || text[0] == '[' || text[0] == '<'):
			l.pos = l.start + line.start
			return frame{kind: frameForeign}, nil
		}
		field, value := cutField(text, line)
		switch string(field) {
		case "data":
			l.framed = true
			parts++
			l.join(parts, data, value)
			data = value
		case "event":
			l.framed = true
			name = value
		default:
			if l.idle++; l.idle > maxComments {
				return f, providers.ErrTooManyComments
			}
		}
	}
}

// span is a part of a buffer.
type span struct{ start, end int }

func (s span) empty() bool { return s.end <= s.start }

func (l *lines) at(s span) []byte { return l.buf[l.start+s.start : l.start+s.end] }

// join collects the data of a frame with more than one data line.
func (l *lines) join(parts int, before, now span) {
	if parts < 2 {
		return
	}
	if parts == 2 {
		l.joined = append(l.joined[:0], l.at(before)...)
	}
	l.joined = append(append(l.joined, ' '), l.at(now)...)
}

// cutField splits "data: x" into its name and the span of its value.
func cutField(text []byte, line span) (field []byte, value span) {
	i := bytes.IndexByte(text, ':')
	if i < 0 {
		return text, span{line.end, line.end}
	}
	at := i + 1
	if at < len(text) && text[at] == ' ' {
		at++
	}
	return text[:i], span{line.start + at, line.end}
}

// line finds the next line, relative to start. What follows the last line break
// before the end counts as one.
func (l *lines) line() (span, error) {
	for {
		if l.skipLF && l.pos < l.end {
			if l.buf[l.pos] == '\n' {
				l.pos++
			}
			l.skipLF = false
			l.seen = l.pos
		}
		if i := lineEnd(l.buf[l.seen:l.end]); i >= 0 {
			at := span{l.pos - l.start, l.seen + i - l.start}
			l.skipLF = l.buf[l.seen+i] == '\r'
			l.pos = l.seen + i + 1
			l.seen = l.pos
			if at.end > l.max {
				return span{}, providers.ErrEventTooLarge
			}
			return l.withoutMark(at), nil
		}
		l.seen = l.end
		if l.end-l.start > l.max {
			return span{}, providers.ErrEventTooLarge
		}
		if l.err != nil {
			if l.pos == l.end {
				return span{}, l.err
			}
			at := span{l.pos - l.start, l.end - l.start}
			l.pos = l.end
			return l.withoutMark(at), nil
		}
		l.fill()
	}
}

// withoutMark skips a byte order mark at the beginning of the stream.
func (l *lines) withoutMark(at span) span {
	if !l.begun {
		l.begun = true
		if bytes.HasPrefix(l.at(at), []byte("\ufeff")) {
			at.start += len("\ufeff")
		}
	}
	return at
}

// lineEnd is the index of the first CR or LF, -1 if there is none.
func lineEnd(b []byte) int {
	n := bytes.IndexByte(b, '\n')
	if n >= 0 {
		b = b[:n]
	}
	if r := bytes.IndexByte(b, '\r'); r >= 0 {
		return r
	}
	return n
}

// fill reads more behind what is there.
func (l *lines) fill() {
	if l.end == len(l.buf) {
		l.room()
	}
	for range 100 {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		l.err = err
		if n > 0 || err != nil {
			return
		}
	}
	l.err = io.ErrNoProgress
}

// room moves the frame to the buffer's beginning, or makes the buffer larger.
func (l *lines) room() {
	into := l.buf
	if l.start == 0 {
		into = make([]byte, max(firstBuffer, 2*len(l.buf)))
	}
	copy(into, l.buf[l.start:l.end])
	l.buf = into
	l.pos, l.seen, l.end = l.pos-l.start, l.seen-l.start, l.end-l.start
	l.start = 0
}

// rest reads what is left of the stream, up to a bound, and answers it as it came.
func (l *lines) rest(most int) []byte {
	l.start = l.pos
	for l.err == nil && l.end-l.start < most {
		l.fill()
	}
	return l.buf[l.start:min(l.end, l.start+most)]
}

// drain reads on until the end, up to a bound, so that the connection can be used
// again.
func (l *lines) drain(most int) {
	for n := 0; l.err == nil && n < most; {
		l.start, l.pos, l.seen, l.end = 0, 0, 0, 0
		l.fill()
		n += l.end
	}
}
