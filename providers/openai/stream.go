package openai

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/sluice-gateway/sluice/providers"
)

const (
	// maxForeign bounds what is read of a stream that is none.
	maxForeign = 64 << 10
	// maxDrain bounds what is read after the end.
	maxDrain = 64 << 10
)

// stream is one streamed answer. See the package's documentation for what it keeps.
type stream struct {
	dialect        *Dialect
	in             lines
	stripUsageNull bool
	chunk          chunk
	resolve        func(*choiceFacts)
	out            []byte // a repaired chunk
	usage          providers.Usage

	choices []choiceState
	count   int  // chunks read
	sent    bool // a chunk has been let through
	begun   span // the name of a tool call that the chunk begins
	piece   bool // the chunk brought a piece of the held name
	comment time.Time
	held    *heldChunk
	queued  providers.Event // goes out after the held chunk
	waiting bool            // queued is set
	ended   bool
	done    bool  // the upstream said so
	err     error // that ended the reader
}

// choiceState is what a stream knows of one choice.
type choiceState struct {
	index    int
	roled    bool
	finished bool
	finishes bool // by the chunk being read, if it turns out to be whole
	calls    []call
}

// heldChunk is a chunk that begins a tool call, until its name is known to be whole.
type heldChunk struct {
	data   []byte
	edits  []edit
	nameAt span
	first  string // the name in data, still escaped
	name   string // the name so far
	id     string // of the call
	index  int
	event  providers.Event
}

// Next answers the next event.
func (s *stream) Next() (providers.Event, error) {
	if s.waiting {
		s.waiting = false
		return s.queued, nil
	}
	for !s.ended && s.err == nil {
		f, err := s.in.next()
		if err != nil {
			return s.end(err)
		}
		switch {
		case f.kind == frameComment:
			if s.passComment() {
				return providers.Event{Comment: true}, nil
			}
			continue
		case f.kind == frameForeign:
			return s.fail(s.in.rest(maxForeign)), nil
		}
		if e, ok, err := s.frame(f); ok || err != nil {
			return e, err
		}
	}
	if s.err != nil {
		return providers.Event{}, s.err
	}
	if s.done {
		s.in.drain(maxDrain)
	}
	return providers.Event{}, io.EOF
}

// frame reads one event. Not ok: there is nothing to tell yet.
func (s *stream) frame(f frame) (e providers.Event, ok bool, err error) {
	data := bytes.TrimSpace(f.data)
	switch {
	case len(data) == 0 || string(data) == "null":
		return e, false, nil
	case string(data) == "[DONE]":
		s.ended, s.done = true, true
		return s.release(providers.Event{Done: true}), true, nil
	case string(f.name) == "error":
		return s.fail(data), true, nil
	}
	s.count++
	s.begun, s.piece = span{}, false
	for i := range s.choices {
		s.choices[i].finishes = false
	}
	c := &s.chunk
	if s.resolve == nil {
		s.resolve = s.resolveChoice
	}
	if err := c.read(data, s.stripUsageNull, s.resolve); err != nil {
		if f.cut {
			e, err = s.end(io.EOF)
			return e, true, err
		}
		return s.fail(data), true, nil
	}
	for i := range s.choices {
		s.choices[i].finished = s.choices[i].finished || s.choices[i].finishes
	}
	if c.failed || c.stopped && (!s.sent || string(c.at(c.finish)) == "error") {
		return s.fail(data), true, nil
	}
	if c.counts.Known {
		s.usage = c.counts
		e.Usage = &s.usage
		e.UsageOnly = c.choices == 0
	}
	e.Text = c.words
	if !c.finish.empty() {
		e.Finish = string(c.at(c.finish))
	}
	switch {
	case s.absorb(&e):
		return e, false, nil
	case s.begins(&e):
		before := s.held
		s.held = s.hold(&e)
		if before == nil {
			return e, false, nil
		}
		return s.let(before), true, nil
	}
	e.Data = data
	if len(c.edits) > 0 {
		s.out = apply(s.out[:0], data, c.edits)
		e.Data = s.out
	}
	s.sent = true
	return s.release(e), true, nil
}

// resolveChoice repairs a choice by what the stream has said before.
func (s *stream) resolveChoice(f *choiceFacts) {
	c := &s.chunk
	if !f.indexed {
		if f.indexAt.empty() {
			c.insert(&f.object, `"index":`+strconv.Itoa(f.place))
		} else {
			c.edit(f.indexAt, strconv.Itoa(f.place))
		}
	}
	st := s.state(f.index)
	if st == nil {
		return
	}
	st.finishes = f.finished
	if !f.hasDelta {
		return
	}
	if !st.roled && !f.role {
		if f.roleAt.empty() {
			c.insert(&f.delta, `"role":"assistant"`)
		} else {
			c.edit(f.roleAt, `"assistant"`)
		}
	}
	st.roled = true
	for i := range f.tools {
		s.resolveTool(st, &f.tools[i])
	}
}

// state finds what is known of a choice. Nil: there are too many.
func (s *stream) state(index int) *choiceState {
	for i := range s.choices {
		if s.choices[i].index == index {
			return &s.choices[i]
		}
	}
	if len(s.choices) > maxIndex {
		return nil
	}
	s.choices = append(s.choices, choiceState{index: index})
	return &s.choices[len(s.choices)-1]
}

// begins says that the chunk begins a tool call and nothing else, so that more of
// the name may follow.
func (s *stream) begins(e *providers.Event) bool { return !s.begun.empty() && s.lone(e) }

// absorb takes in a chunk that only brings a piece of the name held.
func (s *stream) absorb(e *providers.Event) bool {
	if !s.piece || s.chunk.segments != 1 || !s.lone(e) {
		return false
	}
	s.held.event.Text = append(s.held.event.Text, e.Text...)
	return true
}

// lone says that the chunk speaks of one tool call, without arguments.
func (s *stream) lone(e *providers.Event) bool {
	c := &s.chunk
	if c.choices != 1 || c.tools != 1 || e.Finish != "" || e.Usage != nil {
		return false
	}
	t := &c.choice.tools[0]
	return !t.arguments && !t.otherwise
}

// hold keeps the chunk.
func (s *stream) hold(e *providers.Event) *heldChunk {
	c := &s.chunk
	calls := s.state(c.choice.index).calls
	k := &calls[len(calls)-1]
	return &heldChunk{
		data: bytes.Clone(c.data), edits: slices.Clone(c.edits), nameAt: s.begun,
		first: k.name, name: k.name, id: k.id, index: k.index,
		event: providers.Event{Text: bytes.Clone(e.Text)},
	}
}

// let makes the event of a chunk that was held.
func (s *stream) let(h *heldChunk) providers.Event {
	if h.name != h.first {
		h.edits = append(h.edits, edit{h.nameAt, h.name})
	}
	h.event.Data = h.data
	if len(h.edits) > 0 {
		h.event.Data = apply(nil, h.data, h.edits)
	}
	s.sent = true
	return h.event
}

// release lets what is held go before an event.
func (s *stream) release(e providers.Event) providers.Event {
	h := s.held
	if h == nil {
		return e
	}
	s.held, s.queued, s.waiting = nil, e, true
	return s.let(h)
}

// fail ends the stream with what the upstream says.
func (s *stream) fail(body []byte) providers.Event {
	s.ended = true
	f := s.dialect.Classify(200, nil, bytes.Clone(body))
	return s.release(providers.Event{Failure: &f})
}

// end is the end of the reader. An answer that was finished is done, whatever broke
// after it.
func (s *stream) end(err error) (providers.Event, error) {
	bound := errors.Is(err, providers.ErrEventTooLarge) || errors.Is(err, providers.ErrTooManyComments)
	if !bound && s.finished() {
		s.ended = true
		return s.release(providers.Event{Done: true}), nil
	}
	s.err = err
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		s.err = providers.ErrTruncated
	}
	if h := s.held; h != nil {
		s.held = nil
		return s.let(h), nil
	}
	return providers.Event{}, s.err
}

// finished says that every choice the stream spoke of has ended.
func (s *stream) finished() bool {
	for i := range s.choices {
		if !s.choices[i].finished {
			return false
		}
	}
	return len(s.choices) > 0
}

// passComment says that a sign of life is due.
func (s *stream) passComment() bool {
	now := s.dialect.now()
	if !s.comment.IsZero() && now.Sub(s.comment) < s.dialect.commentEvery {
		return false
	}
	s.comment = now
	return true
}
