package request

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Canonical appends the body in the one form that all bodies of the same meaning share:
// members in order of their names, no white space, strings with as few escapes as
// possible. Numbers stay as they are written: 1 and 1.0 are not the same to every
// upstream. Members of the body's own object that are named in without, or are null,
// are left out; so is a stream that is false.
func (r *Request) Canonical(dst []byte, without ...string) ([]byte, error) {
	kept := make([]byte, 0, len(r.Body)+1)
	kept = append(kept, '{')
	d := jsontext.NewDecoder(bytes.NewBuffer(r.Body))
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		from := int(d.InputOffset()) - len(name)
		var plain [64]byte
		unquoted, err := jsontext.AppendUnquote(plain[:0], name)
		if err != nil {
			return nil, err
		}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		if string(value) == "null" || string(unquoted) == "stream" && !r.Stream || slices.Contains(without, string(unquoted)) {
			continue
		}
		if len(kept) > 1 {
			kept = append(kept, ',')
		}
		kept = append(kept, r.Body[from:d.InputOffset()]...)
	}
	kept = append(kept, '}')
	return jsontext.AppendFormat(dst, kept,
		jsontext.ReorderRawObjects(true), jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false))
}
