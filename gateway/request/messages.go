package request

import (
	"encoding/json"
	"strconv"

	"github.com/sluice-gateway/sluice/budget/tokens"
)

// messages reads the chat.
func (d *reader) messages() error {
	if d.dec.PeekKind() != '[' {
		if _, _, err := d.value(); err != nil {
			return err
		}
		return invalid("messages", "Invalid type for 'messages': expected an array of objects.")
	}
	return d.array(func(i int) error {
		if d.dec.PeekKind() != '{' {
			if _, _, err := d.value(); err != nil {
				return err
			}
			return invalid("messages["+strconv.Itoa(i)+"]", "Invalid type for 'messages[%d]': expected an object.", i)
		}
		return d.message(i)
	})
}

func (d *reader) message(i int) error {
	var m tokens.Message
	err := d.object(func(name string) error {
		if name == "content" {
			return d.content(i, &m)
		}
		if name == "tool_calls" && d.dec.PeekKind() == '[' {
			return d.array(func(int) error { return d.toolCall(&m) })
		}
		raw, _, err := d.value()
		if err != nil {
			return err
		}
		switch {
		case name == "role" && raw[0] != '"':
			return invalid("messages["+strconv.Itoa(i)+"].role", "Invalid type for 'messages[%d].role': expected a string.", i)
		case name == "role":
			m.Role = d.req.text(raw)
		case name == "name" && raw[0] == '"':
			m.Name = d.req.text(raw)
		case name == "tool_call_id" && raw[0] == '"':
			m.ToolCallID = d.req.text(raw)
		case raw[0] == '"', raw[0] == '{', raw[0] == '[':
			d.req.strings(raw, &m) // refusal, reasoning_content, function_call and what comes later
		}
		return nil
	})
	if err == nil && m.Role.JSON == nil {
		return &Error{Param: "messages[" + strconv.Itoa(i) + "].role", Code: "missing_required_parameter",
			Message: "Missing required parameter: 'messages[" + strconv.Itoa(i) + "].role'."}
	}
	d.req.Prompt.Messages = append(d.req.Prompt.Messages, m)
	return err
}

// content is a string, an array of parts, or null.
func (d *reader) content(i int, m *tokens.Message) error {
	switch d.dec.PeekKind() {
	case '[':
		return d.array(func(int) error { return d.part(i, m) })
	case '"':
		raw, _, err := d.value()
		if err == nil {
			m.Contents = append(m.Contents, d.req.text(raw))
		}
		return err
	}
	raw, _, err := d.value()
	if err == nil && raw[0] != 'n' {
		err = invalid("messages["+strconv.Itoa(i)+"].content", "Invalid type for 'messages[%d].content': expected a string or an array of parts.", i)
	}
	return err
}

// part is one piece of a message's content: text and pictures are read, of the rest
// every string counts.
func (d *reader) part(i int, m *tokens.Message) error {
	if d.dec.PeekKind() != '{' {
		if _, _, err := d.value(); err != nil {
			return err
		}
		return invalid("messages["+strconv.Itoa(i)+"].content", "Invalid type for a part of 'messages[%d].content': expected an object.", i)
	}
	return d.object(func(name string) error {
		if name == "image_url" {
			return d.image()
		}
		raw, _, err := d.value()
		switch {
		case err != nil:
			return err
		case name == "text" && raw[0] == '"':
			m.Contents = append(m.Contents, d.req.text(raw))
		case name == "type", name == "input_audio", name == "file":
			// Not text: what it costs is learned from the providers' own counts.
		case raw[0] == '"', raw[0] == '{', raw[0] == '[':
			d.req.strings(raw, m)
		}
		return nil
	})
}

func (d *reader) image() error {
	raw, _, err := d.value()
	if err != nil {
		return err
	}
	img := tokens.Image{}
	if raw[0] == '"' {
		img.URL = tokens.Text{JSON: raw[1 : len(raw)-1]}
	} else {
		var o struct {
			URL    json.RawMessage `json:"url"`
			Detail string          `json:"detail"`
		}
		if json.Unmarshal(raw, &o) != nil {
			return invalid("messages", "Invalid 'image_url': expected an object with 'url' and 'detail'.")
		}
		if len(o.URL) > 1 && o.URL[0] == '"' {
			img.URL = tokens.Text{JSON: o.URL[1 : len(o.URL)-1]}
		}
		img.Detail = o.Detail
	}
	d.req.Prompt.Images = append(d.req.Prompt.Images, img)
	return nil
}

func (d *reader) toolCall(m *tokens.Message) error {
	raw, _, err := d.value()
	if err != nil {
		return err
	}
	var call struct {
		Function struct {
			Name      json.RawMessage `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
		} `json:"function"`
	}
	if json.Unmarshal(raw, &call) != nil {
		return invalid("messages", "Invalid 'tool_calls': expected objects with a function.")
	}
	t := tokens.ToolCall{}
	if v := call.Function.Name; len(v) > 1 && v[0] == '"' {
		t.Name = d.req.text(v)
	}
	if v := call.Function.Arguments; len(v) > 1 && v[0] == '"' {
		t.Arguments = d.req.text(v)
	}
	m.ToolCalls = append(m.ToolCalls, t)
	return nil
}

// strings adds a value of unknown meaning: a string as it is, anything else by its
// raw JSON, so that it is counted rather than forgotten.
func (r *Request) strings(raw []byte, m *tokens.Message) {
	if raw[0] == '"' {
		m.Contents = append(m.Contents, r.text(raw))
		return
	}
	m.Contents = append(m.Contents, tokens.Text{JSON: raw})
	r.Prompt.Bytes += len(raw)
}
