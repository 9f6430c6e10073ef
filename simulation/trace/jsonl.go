package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// object is one line of JSONL.
type object struct {
	Timestamp literal `json:"timestamp"` // milliseconds
	Input     literal `json:"input_length"`
	Output    literal `json:"output_length"`
	MaxTokens literal `json:"max_tokens"`
	Model     string  `json:"model"`
	Priority  string  `json:"priority"`
	Client    string  `json:"client"`
	HashIDs   firstOf `json:"hash_ids"`
}

func parseObject(line []byte) (c Call, err error) {
	var o object
	if err := json.Unmarshal(line, &o); err != nil {
		return c, plain(err)
	}
	if c.At, err = elapsed("timestamp", string(o.Timestamp), time.Millisecond); err != nil {
		return c, err
	}
	if c.Input, err = tokens("input_length", string(o.Input)); err != nil {
		return c, err
	}
	if c.Output, err = tokens("output_length", string(o.Output)); err != nil {
		return c, err
	}
	if o.MaxTokens != "" {
		if c.MaxTokens, err = tokens("max_tokens", string(o.MaxTokens)); err != nil {
			return c, err
		}
	}
	if c.Priority, err = priority("priority", o.Priority); err != nil {
		return c, err
	}
	if c.Model, err = name("model", o.Model); err != nil {
		return c, err
	}
	if c.Client, err = name("client", o.Client); err != nil {
		return c, err
	}
	c.Session, err = name("hash_ids", string(o.HashIDs))
	return c, err
}

// plain says what is wrong with a line in the file's words instead of Go's.
func plain(err error) error {
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON: %w", err)
	case !errors.As(err, &wrong):
		return err
	case wrong.Field == "":
		return errors.New("not a JSON object")
	}
	return fmt.Errorf("%s is not text", wrong.Field)
}

// literal is a number as it is written, with quotes or without; empty: not there.
type literal string

// UnmarshalJSON implements json.Unmarshaler.
func (l *literal) UnmarshalJSON(text []byte) error {
	if string(text) != "null" {
		*l = literal(bytes.Trim(text, `"`))
	}
	return nil
}

// firstOf is the first number or text of a list, which may have thousands.
type firstOf string

// UnmarshalJSON implements json.Unmarshaler.
func (f *firstOf) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	list, ok := bytes.CutPrefix(text, []byte("["))
	if !ok {
		return errors.New("hash_ids is not a list")
	}
	list = bytes.TrimLeft(list, " \t\r\n")
	switch list[0] {
	case ']':
		return nil
	case '[', '{', 't', 'f', 'n':
		return errors.New("hash_ids does not begin with a number or a text")
	case '"':
		return json.NewDecoder(bytes.NewReader(list)).Decode((*string)(f))
	}
	*f = firstOf(list[:bytes.IndexAny(list, ",] \t\r\n")])
	return nil
}
