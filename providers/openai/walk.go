package openai

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

var errTrailing = errors.New("something follows the JSON value")

// walker reads one JSON text once. The first error sticks and ends every loop. Names
// that appear twice and invalid UTF-8 are let through: they are the client's to see.
type walker struct {
	data    []byte
	from    bytes.Buffer
	decoder *jsontext.Decoder
	options []jsontext.Options
	err     error
	edits   []edit
	name    []byte // a name with escapes, unquoted
}

// edit replaces data[start:end] by text.
type edit struct {
	span
	text string
}

func (w *walker) begin(data []byte) {
	w.data, w.err, w.edits = data, nil, w.edits[:0]
	w.from = *bytes.NewBuffer(data)
	if w.decoder == nil {
		w.options = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
		w.decoder = jsontext.NewDecoder(&w.from, w.options...)
		return
	}
	w.decoder.Reset(&w.from, w.options...)
}

// finish checks that nothing follows.
func (w *walker) finish() error {
	if w.err == nil {
		if _, err := w.decoder.ReadToken(); err == nil {
			w.err = errTrailing
		} else if !errors.Is(err, io.EOF) {
			w.err = err
		}
	}
	return w.err
}

func (w *walker) peek() jsontext.Kind {
	if w.err != nil {
		return 0
	}
	return w.decoder.PeekKind()
}

func (w *walker) offset() int { return int(w.decoder.InputOffset()) }

// token reads a delimiter.
func (w *walker) token() {
	if w.err == nil {
		_, w.err = w.decoder.ReadToken()
	}
}

// value reads a whole value and answers its span.
func (w *walker) value() span {
	if w.err != nil {
		return span{}
	}
	var v jsontext.Value
	if v, w.err = w.decoder.ReadValue(); w.err != nil {
		return span{}
	}
	end := w.offset()
	return span{end - len(v), end}
}

func (w *walker) skip() {
	if w.err == nil {
		w.err = w.decoder.SkipValue()
	}
}

func (w *walker) at(s span) []byte { return w.data[s.start:s.end] }

// text reads a string and answers what stands between its quotes, still escaped;
// anything else is skipped and empty.
func (w *walker) text() span {
	if w.peek() != '"' {
		w.skip()
		return span{}
	}
	s := w.value()
	if w.err != nil {
		return span{}
	}
	return span{s.start + 1, s.end - 1}
}

// maxCount bounds every number that an upstream tells, so that sums stay in range.
const maxCount = 1 << 53

// integer reads a number; anything else, and what is below zero, is not ok.
func (w *walker) integer() (int64, bool) {
	if w.peek() != '0' {
		w.skip()
		return 0, false
	}
	s := w.at(w.value())
	if v, err := strconv.ParseInt(string(s), 10, 64); err == nil {
		return min(v, maxCount), v >= 0
	}
	v, err := strconv.ParseFloat(string(s), 64)
	if err != nil || v < 0 {
		return 0, false
	}
	return int64(math.Min(v, maxCount)), true
}

// emptyError reads the value of "error". True: it tells of none.
func (w *walker) emptyError() bool {
	switch w.peek() {
	case 'n', 'f':
		w.skip()
		return true
	case '"':
		return w.text().empty()
	}
	w.skip()
	return false
}

// object is a JSON object being read.
type object struct {
	at    int // where the current member begins
	prev  int // where the last member ended
	kept  int // members that stay
	close int // where the closing brace is, once it was read
	wait  int // one more than the index of a cut that lasts until the next member
}

// enter reads an opening brace.
func (w *walker) enter() object {
	w.token()
	return object{}
}

// member reads the next member's name. False: the object, or the text, has ended.
func (w *walker) member(o *object) ([]byte, bool) {
	if w.peek() == '}' {
		w.token()
		o.close = w.offset() - 1
		return nil, false
	}
	s := w.value()
	if w.err != nil {
		return nil, false
	}
	o.at = s.start
	if o.wait > 0 {
		w.edits[o.wait-1].end = o.at
		o.wait = 0
	}
	raw := w.at(s)
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], true
	}
	w.name, w.err = jsontext.AppendUnquote(w.name[:0], raw)
	return w.name, w.err == nil
}

// keep ends a member that stays.
func (w *walker) keep(o *object) {
	o.kept++
	o.prev = w.offset()
}

// cut ends a member that goes, with the comma that parts it from its neighbours.
func (w *walker) cut(o *object) {
	end := w.offset()
	if o.kept > 0 {
		w.edit(span{o.prev, end}, "")
	} else {
		w.edit(span{o.at, end}, "")
		o.wait = len(w.edits)
	}
	o.prev = end
}

// insert puts a member at the object's end, which has been read.
func (w *walker) insert(o *object, member string) {
	if o.kept > 0 {
		member = "," + member
	}
	o.kept++
	w.edit(span{o.close, o.close}, member)
}

func (w *walker) edit(s span, text string) {
	w.edits = append(w.edits, edit{s, text})
}

// apply appends the data with its edits to dst.
func apply(dst, data []byte, edits []edit) []byte {
	slices.SortStableFunc(edits, func(a, b edit) int { return a.start - b.start })
	at := 0
	for _, e := range edits {
		dst = append(append(dst, data[at:e.start]...), e.text...)
		at = e.end
	}
	return append(dst, data[at:]...)
}
