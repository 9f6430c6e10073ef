package tokens

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Framing of chats, as OpenAI's cookbook gives it.
const (
	perMessage = 3
	perName    = 1
	perReply   = 3
	perCall    = 4 // of an earlier tool call, beside its name and arguments
	endTools   = 12
)

// counting is one count of a prompt.
type counting struct {
	c     counter
	cache *textCache
	salt  uint64 // tells encodings apart in the cache
	buf   []byte
}

// prompt counts everything in p.
func (k *counting) prompt(f modelInfo, p *Prompt) int64 {
	n := p.TokenIDs
	for i := range p.Inputs {
		n += k.text(p.Inputs[i])
	}
	for i := range p.Messages {
		n += k.message(&p.Messages[i])
	}
	if p.Form == Chat {
		n += perReply
	}
	for _, img := range p.Images {
		n += f.pictures.tokens(img)
	}
	if len(p.Tools) > 0 {
		n += k.tools(f, p.Tools)
	}
	if len(p.ResponseFormat) > 0 && len(p.ResponseFormat) > len(`{"type":"json_object"}`) {
		n += k.raw(p.ResponseFormat)
	}
	return int64(n)
}

func (k *counting) message(m *Message) int {
	n := perMessage + k.text(m.Role)
	if len(m.Name.JSON) > 0 {
		n += perName + k.text(m.Name)
	}
	for _, t := range m.Contents {
		n += k.text(t)
	}
	for _, t := range m.ToolCalls {
		n += perCall + k.text(t.Name) + k.text(t.Arguments)
	}
	if len(m.ToolCallID.JSON) > 0 {
		n += k.text(m.ToolCallID)
	}
	return n
}

// text counts a JSON string's contents.
func (k *counting) text(t Text) int {
	if len(t.JSON) == 0 {
		return 0
	}
	salt := k.salt
	if t.Escaped {
		salt ^= 8
	}
	if n, ok := k.cache.get(salt, t.JSON); ok {
		return n
	}
	s := t.JSON
	if t.Escaped {
		k.buf = unescape(k.buf[:0], s)
		s = k.buf
	}
	n := k.c.count(s)
	k.cache.put(salt, t.JSON, n)
	return n
}

func (k *counting) raw(s []byte) int { return k.text(Text{JSON: s}) }

// tool is a function as chats offer it.
type tool struct {
	Function *function `json:"function"`
	function           // the older form: functions, without a wrapper
}

type function struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
}

type schema struct {
	Properties map[string]property `json:"properties"`
}

type property struct {
	Type        string          `json:"type"`
	Description string          `json:"description"`
	Enum        []string        `json:"enum"`
	Properties  json.RawMessage `json:"properties"`
	Items       json.RawMessage `json:"items"`
	AnyOf       json.RawMessage `json:"anyOf"`
	OneOf       json.RawMessage `json:"oneOf"`
	AllOf       json.RawMessage `json:"allOf"`
	Ref         string          `json:"$ref"`
}

// flat says that a property is what the published formula covers.
func (p property) flat() bool {
	return len(p.Properties)+len(p.Items)+len(p.AnyOf)+len(p.OneOf)+len(p.AllOf)+len(p.Ref) == 0
}

// tools counts functions as OpenAI's cookbook does for flat parameters; other
// parameters count as their JSON.
func (k *counting) tools(f modelInfo, raw []byte) int {
	if n, ok := k.cache.get(k.salt^1, raw); ok {
		return n
	}
	var list []tool
	if json.Unmarshal(raw, &list) != nil {
		return k.raw(raw)
	}
	n := endTools
	for _, t := range list {
		fn := t.Function
		if fn == nil {
			fn = &t.function
		}
		n += f.funcStart() + k.plain(fn.Name+":"+strings.TrimSuffix(fn.Description, "."))
		n += k.parameters(fn.Parameters)
	}
	k.cache.put(k.salt^1, raw, n)
	return n
}

func (k *counting) parameters(raw json.RawMessage) int {
	var s schema
	if len(raw) == 0 {
		return 0
	}
	if json.Unmarshal(raw, &s) != nil {
		return k.compact(raw)
	}
	n := 0
	if len(s.Properties) > 0 {
		n += 3
	}
	for name, p := range s.Properties {
		if !p.flat() {
			return k.compact(raw)
		}
		n += 3 + k.plain(name+":"+p.Type+":"+strings.TrimSuffix(p.Description, "."))
		if len(p.Enum) > 0 {
			n -= 3
			for _, e := range p.Enum {
				n += 3 + k.plain(e)
			}
		}
	}
	return n
}

// compact counts JSON without the white space that only people need.
func (k *counting) compact(raw []byte) int {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return k.raw(raw)
	}
	return k.c.count(b.Bytes())
}

func (k *counting) plain(s string) int { return k.c.count([]byte(s)) }
