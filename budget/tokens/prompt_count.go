package tokens

import (
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
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
		n += imageTokens(f, img)
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
	if n, ok := k.cache.get(k.salt, t.JSON); ok {
		return n
	}
	s := t.JSON
	if t.Escaped {
		k.buf = unescape(k.buf[:0], s)
		s = k.buf
	}
	n := k.c.count(s)
	k.cache.put(k.salt, t.JSON, n)
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
		n += f.funcStart + k.plain(fn.Name+":"+strings.TrimSuffix(fn.Description, "."))
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
		return k.raw(raw)
	}
	n := 0
	if len(s.Properties) > 0 {
		n += 3
	}
	for name, p := range s.Properties {
		if len(p.Properties) > 0 || len(p.Items) > 0 {
			return k.raw(raw)
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

func (k *counting) plain(s string) int { return k.c.count([]byte(s)) }

// unescape appends the text of a JSON string's contents to dst. It never fails: what
// is not a proper escape stays as it is.
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 >= len(s) {
			dst = append(dst, s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r':
			dst = append(dst, '\r')
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'u':
			r, n := escaped(s[i+1:])
			dst = utf8.AppendRune(dst, r)
			i += n
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

// escaped reads the digits of \u, and a second half if there is one.
func escaped(s []byte) (r rune, n int) {
	r, ok := hex4(s)
	if !ok {
		return utf8.RuneError, 0
	}
	if utf16.IsSurrogate(r) {
		if len(s) >= 10 && s[4] == '\\' && s[5] == 'u' {
			if low, ok := hex4(s[6:]); ok {
				if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
					return full, 10
				}
			}
		}
		return utf8.RuneError, 4
	}
	return r, 4
}

func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for _, c := range s[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
