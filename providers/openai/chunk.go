package openai

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sluice-gateway/sluice/providers"
)

// chunk is what one chunk of a stream says. What it says of tool calls and roles is
// resolved against the stream's state once a choice has been read whole, for its
// index may come last.
type chunk struct {
	walker
	id       span // the chunk's id, between its quotes
	choices  int
	failed   bool // it tells of an error
	counts   providers.Usage
	finish   span
	stopped  bool // a finish_reason tells of an answer that could not be finished
	segments int
	words    []byte // the generated text
	scratch  []byte

	choice choiceFacts
	tools  int // tool calls in the whole chunk
}

// choiceFacts are what one choice of a chunk says.
type choiceFacts struct {
	object
	place    int // in the array
	index    int
	indexAt  span // its value; empty: there is none
	indexed  bool
	delta    object
	hasDelta bool
	role     bool // it has a role that says something
	roleAt   span // a role that does not
	finished bool
	tools    []toolFacts
}

// toolFacts are what one element of tool_calls says.
type toolFacts struct {
	object
	index     int
	indexAt   span
	indexed   bool
	id        span // between its quotes
	idAt      span // the value
	typed     bool
	typeAt    span
	name      span
	nameCut   span // what goes when the name goes
	arguments bool // it has some
	otherwise bool // it has members that are none of these
}

// read reads a chunk and repairs what needs no state. Each choice is handed to
// resolve when it has been read.
func (c *chunk) read(data []byte, stripUsageNull bool, resolve func(*choiceFacts)) error {
	c.begin(data)
	c.id, c.choices, c.failed, c.counts = span{}, 0, false, providers.Usage{}
	c.finish, c.stopped, c.segments, c.words, c.tools = span{}, false, 0, nil, 0
	if c.peek() != '{' {
		c.failed = true // an error in an array, or no chunk at all
		c.skip()
		return c.walker.finish()
	}
	o, found := c.enter(), false
	for name, ok := c.member(&o); ok; name, ok = c.member(&o) {
		switch string(name) {
		case "choices":
			found = true
			c.readChoices(resolve)
		case "usage":
			if c.peek() == 'n' && stripUsageNull {
				c.skip()
				c.cut(&o)
				continue
			}
			c.setUsage(c.usage())
		case "error":
			if c.emptyError() {
				c.cut(&o)
				continue
			}
			c.failed = true
		case "x_groq":
			if u := c.groqUsage(); !c.counts.Known {
				c.setUsage(u)
			}
		case "id":
			c.id = c.text()
		default:
			c.skip()
		}
		c.keep(&o)
	}
	if c.err == nil && !found && !c.failed {
		c.insert(&o, `"choices":[]`)
	}
	return c.walker.finish()
}

func (c *chunk) setUsage(u providers.Usage) {
	if u.Known {
		c.counts = u
	}
}

func (c *chunk) readChoices(resolve func(*choiceFacts)) {
	if c.peek() != '[' {
		s := c.value()
		if c.err == nil {
			c.edit(s, "[]")
		}
		return
	}
	c.token()
	for c.peek() == '{' {
		c.choice = choiceFacts{place: c.choices, index: c.choices, tools: c.choice.tools[:0]}
		c.choices++
		c.readChoice(&c.choice)
		if c.err != nil {
			return
		}
		resolve(&c.choice)
	}
	for k := c.peek(); k != ']' && k != 0; k = c.peek() { // what is no object is no choice
		c.choices++
		c.skip()
	}
	c.token()
}

func (c *chunk) readChoice(f *choiceFacts) {
	f.object = c.enter()
	for name, ok := c.member(&f.object); ok; name, ok = c.member(&f.object) {
		switch string(name) {
		case "index":
			f.index, f.indexAt, f.indexed = c.readIndex(f.place)
		case "delta":
			if c.peek() == '{' {
				f.hasDelta = true
				c.readDelta(f)
			} else {
				c.skip()
			}
		case "text":
			c.say(c.text())
		case "finish_reason":
			if s := c.text(); !s.empty() {
				f.finished, c.finish = true, s
				c.stopped = c.stopped || providers.Interrupted(string(c.at(s)))
			}
		case "error":
			if !c.emptyError() {
				c.failed = true
			}
		default:
			c.skip()
		}
		c.keep(&f.object)
	}
}

// readIndex reads an index; one that makes no sense counts as missing, and stands
// where its span says.
func (c *chunk) readIndex(instead int) (index int, at span, ok bool) {
	number := c.peek() == '0'
	at = c.value()
	if c.err != nil || !number {
		return instead, at, false
	}
	i := 0
	for _, b := range c.at(at) {
		if b < '0' || b > '9' || i > maxIndex {
			return instead, at, false
		}
		i = 10*i + int(b-'0')
	}
	return i, at, true
}

func (c *chunk) readDelta(f *choiceFacts) {
	f.delta = c.enter()
	for name, ok := c.member(&f.delta); ok; name, ok = c.member(&f.delta) {
		switch string(name) {
		case "role":
			s := c.value()
			if c.err == nil {
				f.role = s.end-s.start > 2 && c.data[s.start] == '"'
				f.roleAt = s
			}
		case "content", "reasoning_content", "reasoning", "refusal":
			c.sayAll(0)
		case "tool_calls":
			c.readTools(f)
		case "function_call":
			c.readFunction(nil)
		default:
			c.skip()
		}
		c.keep(&f.delta)
	}
}

// maxNesting bounds how deep content is searched for text.
const maxNesting = 8

// sayAll counts a text, or every text inside of content in parts.
func (c *chunk) sayAll(depth int) {
	kind := c.peek()
	switch {
	case kind == '"':
		c.say(c.text())
	case kind == '[' && depth < maxNesting:
		c.token()
		for k := c.peek(); k != ']' && k != 0; k = c.peek() {
			c.sayAll(depth + 1)
		}
		c.token()
	case kind == '{' && depth < maxNesting:
		o := c.enter()
		for name, ok := c.member(&o); ok; name, ok = c.member(&o) {
			if s := string(name); s == "text" || s == "thinking" {
				c.sayAll(depth + 1)
				continue
			}
			c.skip()
		}
	default:
		c.skip()
	}
}

// say adds generated text. One piece without escapes, the usual case, is not copied.
func (c *chunk) say(s span) {
	if c.err != nil || s.empty() {
		return
	}
	raw := c.data[s.start-1 : s.end+1]
	plain := !escaped(raw)
	if c.segments++; c.segments == 1 && plain {
		c.words = c.at(s)
		return
	}
	if c.segments == 1 {
		c.scratch = c.scratch[:0]
	} else if c.segments == 2 {
		c.scratch = append(c.scratch[:0], c.words...)
	}
	if plain {
		c.scratch = append(c.scratch, c.at(s)...)
	} else {
		c.scratch, _ = jsontext.AppendUnquote(c.scratch, raw) // only invalid UTF-8 fails, and is replaced
	}
	c.words = c.scratch
}

func escaped(raw []byte) bool {
	for _, b := range raw {
		if b == '\\' {
			return true
		}
	}
	return false
}
