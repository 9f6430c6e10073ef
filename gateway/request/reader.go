package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sluice-gateway/sluice/budget/tokens"
)

// reader walks one body.
type reader struct {
	dec jsontext.Decoder
	req *Request
}

var errTooDeep = errors.New("too deep")

// value reads the next value raw; the bytes are a slice of the body.
func (d *reader) value() ([]byte, span, error) {
	if d.dec.StackDepth() > maxDepth {
		return nil, span{}, errTooDeep
	}
	v, err := d.dec.ReadValue()
	if err != nil {
		return nil, span{}, err
	}
	to := int(d.dec.InputOffset())
	at := span{to - len(v), to}
	raw := d.req.Body[at.from:at.to]
	if (raw[0] == '{' || raw[0] == '[') && nesting(raw) > maxDepth {
		return nil, at, &Error{Code: "invalid_json", Message: "The JSON body of your request is nested too deeply."}
	}
	return raw, at, nil
}

// nesting is the depth of a valid JSON value.
func nesting(v []byte) (deepest int) {
	depth := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		case '"':
			for i++; v[i] != '"'; i++ {
				if v[i] == '\\' {
					i++
				}
			}
		}
	}
	return deepest
}

func (d *reader) top() error {
	tok, err := d.dec.ReadToken()
	if err != nil {
		return err
	}
	if tok.Kind() != '{' {
		return &Error{Code: "invalid_json", Message: "The body of your request must be a JSON object."}
	}
	for d.dec.PeekKind() != '}' {
		name, err := d.name()
		if err != nil {
			return err
		}
		if err := d.field(name); err != nil {
			return err
		}
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return err
	}
	d.req.end = int(d.dec.InputOffset()) - 1
	if _, err := d.dec.ReadToken(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("trailing data")
		}
		return err
	}
	return nil
}

// name reads a member's name.
func (d *reader) name() (string, error) {
	tok, err := d.dec.ReadToken()
	if err != nil {
		return "", err
	}
	return tok.String(), nil
}

func (d *reader) field(name string) error {
	r := d.req
	switch name {
	case "messages":
		if r.Prompt.Form == tokens.Chat {
			return d.messages()
		}
	case "prompt":
		if r.Prompt.Form == tokens.Completion {
			return d.inputs(name)
		}
	case "input":
		if r.Prompt.Form == tokens.Embedding {
			return d.inputs(name)
		}
	case "stream_options":
		return d.streamOptions()
	}
	raw, at, err := d.value()
	if err != nil {
		return err
	}
	return r.scalar(name, raw, at)
}

// scalar reads a field that is one value.
func (r *Request) scalar(name string, raw []byte, at span) error {
	switch name {
	case "model":
		if raw[0] != '"' {
			return invalid("model", "Invalid type for 'model': expected a string.")
		}
		if len(raw) > maxModel || json.Unmarshal(raw, &r.Model) != nil {
			return invalid("model", "The name of the model is too long.")
		}
		r.model = at
	case "stream":
		return boolean(name, raw, &r.Stream)
	case "max_tokens", "max_completion_tokens", "max_output_tokens":
		n, err := integer(name, raw, 1, maxOutput)
		if n > r.MaxOutput {
			r.MaxOutput, r.MaxOutputName = n, name
		}
		switch {
		case err != nil || n > 0:
		case name == "max_tokens":
			r.noOutput[0] = named{name, at}
		case name == "max_completion_tokens":
			r.noOutput[1] = named{name, at}
		}
		return err
	case "n", "best_of":
		n, err := integer(name, raw, 1, maxN)
		r.N = max(r.N, n)
		return err
	case "encoding_format":
		if string(raw) != "null" && json.Unmarshal(raw, &r.EncodingFormat) != nil ||
			r.EncodingFormat != "" && r.EncodingFormat != "float" && r.EncodingFormat != "base64" {
			return invalid(name, "Invalid value for 'encoding_format': expected 'float' or 'base64'.")
		}
	case "store":
		r.Store = string(raw) == "true"
	case "tools", "functions":
		if raw[0] != '[' && raw[0] != 'n' {
			return invalid(name, "Invalid type for '%s': expected an array.", name)
		}
		if raw[0] == '[' {
			r.Prompt.Tools = raw
			r.Prompt.Bytes += len(raw)
		}
	case "tool_choice":
		r.Prompt.ToolChoice = raw
	case "response_format":
		r.Prompt.ResponseFormat = raw
		r.Prompt.Bytes += len(raw)
	}
	return nil
}

func boolean(name string, raw []byte, to *bool) error {
	switch string(raw) {
	case "true":
		*to = true
	case "false", "null":
	default:
		return invalid(name, "Invalid type for '%s': expected a boolean.", name)
	}
	return nil
}

func integer(name string, raw []byte, least, most int64) (int64, error) {
	if raw[0] == 'n' {
		return 0, nil
	}
	var n int64
	if err := json.Unmarshal(raw, &n); err != nil {
		return 0, invalid(name, "Invalid type for '%s': expected an integer.", name)
	}
	if n < least || n > most {
		return 0, invalid(name, "Invalid value for '%s': expected an integer from %d to %d.", name, least, most)
	}
	return n, nil
}

// streamOptions remembers where include_usage stands, or could.
func (d *reader) streamOptions() error {
	r := d.req
	if k := d.dec.PeekKind(); k != '{' {
		raw, at, err := d.value()
		if err == nil && string(raw) != "null" {
			err = invalid("stream_options", "Invalid type for 'stream_options': expected an object.")
		}
		r.streamOptions, r.optionsNull = at, true
		return err
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return err
	}
	from := int(d.dec.InputOffset()) - 1
	r.optionsEmpty = true
	for d.dec.PeekKind() != '}' {
		r.optionsEmpty = false
		name, err := d.name()
		if err != nil {
			return err
		}
		raw, at, err := d.value()
		if err != nil {
			return err
		}
		if name == "include_usage" {
			if err := boolean("stream_options.include_usage", raw, &r.IncludeUsage); err != nil {
				return err
			}
			r.usageFlag = at
		}
	}
	_, err := d.dec.ReadToken()
	r.streamOptions = span{from, int(d.dec.InputOffset())}
	return err
}

// text makes a Text of a raw JSON string.
func (r *Request) text(raw []byte) tokens.Text {
	in := raw[1 : len(raw)-1]
	r.Prompt.Bytes += len(in)
	return tokens.Text{JSON: in, Escaped: bytes.IndexByte(in, '\\') >= 0}
}

// maxInputs bounds the inputs of one embeddings or completions request.
const maxInputs = 8192

// inputs reads a string, strings, token ids or arrays of token ids.
func (d *reader) inputs(param string) error {
	r := d.req
	bad := func() error {
		return invalid(param, "Invalid type for '%s': expected a string, an array of strings, or arrays of token ids.", param)
	}
	switch d.dec.PeekKind() {
	case '"':
		raw, _, err := d.value()
		if err == nil {
			r.Prompt.Inputs = append(r.Prompt.Inputs, r.text(raw))
		}
		return err
	case 'n':
		_, _, err := d.value()
		return err
	case '[':
	default:
		if _, _, err := d.value(); err != nil {
			return err
		}
		return bad()
	}
	return d.array(func(depth int) error {
		raw, _, err := d.value()
		switch {
		case err != nil:
			return err
		case raw[0] == '"':
			r.Prompt.Inputs = append(r.Prompt.Inputs, r.text(raw))
		case raw[0] == '[':
			n, err := tokenIDs(raw)
			if err != nil {
				return bad()
			}
			r.Prompt.TokenIDs += n
		case raw[0] >= '0' && raw[0] <= '9':
			r.Prompt.TokenIDs++
		default:
			return bad()
		}
		if depth > maxInputs && len(r.Prompt.Inputs) > maxInputs {
			return invalid(param, "'%s' has more than %d entries.", param, maxInputs)
		}
		return nil
	})
}

// tokenIDs counts the ids of an array.
func tokenIDs(raw []byte) (int, error) {
	var ids []int64
	err := json.Unmarshal(raw, &ids)
	return len(ids), err
}

// array calls each for every element of the array that comes next.
func (d *reader) array(each func(i int) error) error {
	if _, err := d.dec.ReadToken(); err != nil {
		return err
	}
	for i := 0; d.dec.PeekKind() != ']'; i++ {
		if err := each(i); err != nil {
			return err
		}
	}
	_, err := d.dec.ReadToken()
	return err
}

// object calls each for every member of the object that comes next.
func (d *reader) object(each func(name string) error) error {
	if _, err := d.dec.ReadToken(); err != nil {
		return err
	}
	for d.dec.PeekKind() != '}' {
		name, err := d.name()
		if err != nil {
			return err
		}
		if err := each(name); err != nil {
			return err
		}
	}
	_, err := d.dec.ReadToken()
	return err
}
