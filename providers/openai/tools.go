package openai

import (
	"hash/fnv"
	"strconv"
	"strings"
)

const (
	// maxIndex bounds the indexes of choices and tool calls; one above counts as
	// missing.
	maxIndex = 1 << 10
	// maxName bounds a tool's name that comes in pieces, in bytes.
	maxName = 256
)

// readTools reads the tool calls of a delta.
func (c *chunk) readTools(f *choiceFacts) {
	if c.peek() != '[' {
		c.skip()
		return
	}
	c.token()
	for c.peek() == '{' {
		f.tools = append(f.tools, toolFacts{})
		c.tools++
		c.readTool(&f.tools[len(f.tools)-1])
		if c.err != nil {
			return
		}
	}
	for k := c.peek(); k != ']' && k != 0; k = c.peek() {
		c.skip()
	}
	c.token()
}

func (c *chunk) readTool(t *toolFacts) {
	t.object = c.enter()
	for name, ok := c.member(&t.object); ok; name, ok = c.member(&t.object) {
		switch string(name) {
		case "index":
			t.index, t.indexAt, t.indexed = c.readIndex(0)
		case "id":
			text := c.peek() == '"'
			t.idAt = c.value()
			if c.err == nil && text {
				t.id = span{t.idAt.start + 1, t.idAt.end - 1}
			}
		case "type":
			t.typeAt = c.value()
			t.typed = c.err == nil && t.typeAt.end-t.typeAt.start > 2 && c.data[t.typeAt.start] == '"'
		case "function":
			c.readFunction(t)
		default:
			t.otherwise = true
			c.skip()
		}
		c.keep(&t.object)
	}
}

// readFunction reads a function's name and arguments, of a tool call or, with nil, of
// the older function_call.
func (c *chunk) readFunction(t *toolFacts) {
	if c.peek() != '{' {
		c.skip()
		return
	}
	o := c.enter()
	waiting := false // the name was the first member: its comma comes after it
	for name, ok := c.member(&o); ok; name, ok = c.member(&o) {
		if waiting {
			t.nameCut.end, waiting = o.at, false
		}
		switch string(name) {
		case "name":
			s := c.text()
			c.say(s)
			if t != nil && !s.empty() && c.err == nil {
				t.name, t.nameCut = s, span{o.prev, s.end + 1}
				if waiting = o.kept == 0; waiting {
					t.nameCut.start = o.at
				}
			}
		case "arguments":
			s := c.text()
			c.say(s)
			if t != nil {
				t.arguments = t.arguments || !s.empty()
			}
		default:
			c.skip()
		}
		c.keep(&o)
	}
}

// call is a tool call that a stream has begun.
type call struct {
	upstream int    // the index that the upstream gave last
	index    int    // the index that the client sees
	id       string // as the client sees it, still escaped
	made     bool   // the id is ours
	other    string // the upstream's own id, where it came after ours
	name     string // as far as it is known, still escaped
	argued   bool   // it has arguments
	chunk    int    // the chunk that spoke of it last
}

// findCall finds the call that an element speaks of. Nil: it begins one.
func (s *choiceState) findCall(c *chunk, t *toolFacts, now int) *call {
	id := c.at(t.id)
	if len(id) > 0 {
		for i := range s.calls {
			if k := &s.calls[i]; k.id == string(id) || k.other == string(id) {
				return k
			}
		}
	}
	var last *call
	for i := range s.calls {
		if k := &s.calls[i]; !t.indexed || k.upstream == t.index {
			last = k
		}
	}
	if last == nil || len(id) > 0 {
		return s.adopt(last, t, id)
	}
	name := c.at(t.name)
	switch {
	case len(name) == 0 || last.name == "":
		return last
	case last.chunk == now:
		return nil // a second name in one chunk is a second call
	case last.argued && last.name != string(name):
		return nil // another name after the arguments, too
	case !t.indexed && last.argued && t.arguments:
		return nil // neither index nor id, but whole: a call of its own
	}
	return last
}

// adopt answers the call that an id not seen before belongs to: one under the same
// index that has had none so far. Nil: it begins a call.
func (s *choiceState) adopt(k *call, t *toolFacts, id []byte) *call {
	switch {
	case k == nil || !t.indexed:
	case k.id == "":
		k.id = string(id)
		return k
	case k.made && k.other == "" && t.name.empty():
		k.other = string(id)
		return k
	}
	return nil
}

// newCall begins a call under the upstream's index, or under the next one where that
// is taken or missing.
func (s *choiceState) newCall(t *toolFacts, id string) *call {
	index := 0
	taken := false
	for i := range s.calls {
		index = max(index, s.calls[i].index+1)
		taken = taken || s.calls[i].index == t.index
	}
	if t.indexed && !taken {
		index = t.index
	}
	s.calls = append(s.calls, call{upstream: t.index, index: index, id: id})
	return &s.calls[len(s.calls)-1]
}

// resolveTool repairs one element of tool_calls.
func (s *stream) resolveTool(st *choiceState, t *toolFacts) {
	c := &s.chunk
	id := c.at(t.id)
	known := st.findCall(c, t, s.count)
	begins := known == nil
	if begins {
		if len(st.calls) > maxIndex {
			return
		}
		known = st.newCall(t, string(id))
		if len(id) == 0 && !t.name.empty() {
			known.id, known.made = s.makeID(known.index), true
		}
	}
	if t.indexed {
		known.upstream = t.index
	}
	switch {
	case t.indexAt.empty():
		c.insert(&t.object, `"index":`+strconv.Itoa(known.index))
	case !t.indexed || t.index != known.index:
		c.edit(t.indexAt, strconv.Itoa(known.index))
	}
	switch {
	case begins && known.made && t.idAt.empty():
		c.insert(&t.object, `"id":"`+known.id+`"`)
	case begins && known.made, len(id) > 0 && known.id != string(id):
		c.edit(t.idAt, `"`+known.id+`"`)
	}
	if begins && !t.typed {
		if t.typeAt.empty() {
			c.insert(&t.object, `"type":"function"`)
		} else {
			c.edit(t.typeAt, `"function"`)
		}
	}
	if !t.name.empty() {
		s.resolveName(known, t)
	}
	known.chunk = s.count
	known.argued = known.argued || t.arguments
}

// resolveName lets a tool's name through once. A name after the first is another
// piece of one that is held, or a repetition.
func (s *stream) resolveName(k *call, t *toolFacts) {
	c := &s.chunk
	if k.name == "" {
		k.name = string(c.at(t.name))
		s.begun = t.name
		return
	}
	c.edit(t.nameCut, "")
	if h := s.held; h != nil && h.id == k.id && h.index == k.index {
		if name := joinName(k.name, string(c.at(t.name))); len(name) <= maxName {
			k.name, h.name, s.piece = name, name, true
		}
	}
}

// joinName puts a name and what follows it together: another piece, the same again,
// or the whole that it begins.
func joinName(name, more string) string {
	if strings.HasPrefix(more, name) {
		return more
	}
	return name + more
}

// makeID makes an id for a call that came without: the same chunk always gives the
// same, and another answer another.
func (s *stream) makeID(index int) string {
	h := fnv.New64a()
	_, _ = h.Write(s.chunk.at(s.chunk.id))
	_, _ = h.Write([]byte(strconv.Itoa(s.count) + "/" + strconv.Itoa(index)))
	return "call_" + strconv.FormatUint(h.Sum64(), 36)
}
